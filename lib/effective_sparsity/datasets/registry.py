"""The data sets by name, and their preparation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from effective_sparsity.datasets.cifar import cifar_files, read_cifar
from effective_sparsity.datasets.fetch import RemoteFile, fetch
from effective_sparsity.datasets.image_folder import read_image_folder
from effective_sparsity.datasets.mnist import mnist_files, read_mnist, read_mnist_5k
from effective_sparsity.datasets.store import Dataset, Splits, save
from effective_sparsity.datasets.tiny_imagenet import read_tiny_imagenet, tiny_imagenet_files
from effective_sparsity.errors import UserError


@dataclass(frozen=True)
class Source:
    """A published data set.

    Attributes:
        shape: channels, height and width of an image.
        classes: number of classes.
        size: number of training and of test images.
        mean, std: of each channel, in units of the pixel range 0..1.
        files: the files to fetch; a function, because torchvision, which knows them, takes seconds to import.
        read: from the fetched paths, by file name, to images and labels.
        folder: where the files lie below the folder of raw data; the same place as torchvision's.
        note: what is missing compared with the data set that people know, for tables and figures.
    """

    shape: tuple[int, int, int]
    classes: int
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    files: Callable[[], Sequence[RemoteFile]]
    read: Callable[[Mapping[str, Path]], Splits]
    folder: str = ""
    note: str = ""


SOURCES: dict[str, Source] = {
    "mnist": Source(
        shape=(1, 28, 28),
        classes=10,
        size=(60_000, 10_000),
        mean=(0.1307,),
        std=(0.3081,),
        files=mnist_files,
        read=read_mnist,
        folder="MNIST/raw",
    ),
    "mnist-5k": Source(
        shape=(1, 28, 28),
        classes=10,
        size=(4_000, 1_000),
        mean=(0.1307,),
        std=(0.3081,),
        files=list,
        read=read_mnist_5k,
        note="5,000 MNIST images: 4,000 train, 1,000 test",
    ),
    "cifar10": Source(
        shape=(3, 32, 32),
        classes=10,
        size=(50_000, 10_000),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        files=partial(cifar_files, "CIFAR10"),
        read=partial(read_cifar, class_name="CIFAR10"),
    ),
    "cifar100": Source(
        shape=(3, 32, 32),
        classes=100,
        size=(50_000, 10_000),
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        files=partial(cifar_files, "CIFAR100"),
        read=partial(read_cifar, class_name="CIFAR100"),
    ),
    "tiny-imagenet-200": Source(
        shape=(3, 64, 64),
        classes=200,
        size=(100_000, 10_000),
        mean=(0.4802, 0.4481, 0.3975),
        std=(0.2770, 0.2691, 0.2821),
        files=tiny_imagenet_files,
        read=read_tiny_imagenet,
    ),
}


def prepare(
    name: str,
    path: str | Path,
    raw_folder: str | Path,
    mirrors: str | Iterable[str] = (),
    *,
    variant_of: str | None = None,
    files: Mapping[str, str] | None = None,
    image_folder: str | Path | None = None,
    size: tuple[int, int] | None = None,
    classes: int | None = None,
    batch_sizes: Mapping[str, int] | None = None,
) -> None:
    """Makes the stored data set `path`, fetching its files into `raw_folder` unless they are there.

    Args:
        name: a name in SOURCES for the canonical data set; any other for a variant or an image folder.
        mirrors: URLs of folders to try before the data set's own homes, see fetch.fetch.
        variant_of: the name in SOURCES for which other files than the canonical ones stand in; with it
        files: the name of each of those files and its checksum ("sha256:..." or "md5:...").
        image_folder: folder with a data set of the user's, see image_folder.read_image_folder; perhaps with
        size: height and width in pixels to which images are resized; otherwise they must be equal.
        classes: how many classes the image folder must have; any number if not given.
        batch_sizes: samples in a batch of each network that is to be trained on it, by the network's name.

    Raises:
        UserError: if the data are unavailable, or not what they should be; the message says what to do.
    """
    own = [key for key, value in {"variant_of": variant_of, "image_folder": image_folder}.items() if value]
    if len(own) > 1 or (own and name in SOURCES) or (not own and name not in SOURCES):
        raise UserError(
            f"data set {name!r}: give one of {', '.join(SOURCES)}, or a name of your own with either "
            f"variant_of or image_folder, not with {' and '.join(own) or 'neither'}"
        )
    if bool(files) != bool(variant_of) or ((size or classes) and not image_folder):
        raise UserError(f"data set {name!r}: files go with variant_of, size and classes with image_folder")
    if variant_of and variant_of not in SOURCES:
        raise UserError(f"data set {name!r}: variant_of {variant_of!r} is not one of {', '.join(SOURCES)}")

    if image_folder:
        dataset = _from_image_folder(name, Path(image_folder), size)
        if classes and dataset.classes != classes:
            raise UserError(
                f"data set {name}: {image_folder} has {dataset.classes} classes, not {classes}; correct the "
                f"number of classes or the folder"
            )
    elif variant_of and files:
        remote = [RemoteFile(file, checksum) for file, checksum in files.items()]
        dataset = _from_source(variant_of, remote, Path(raw_folder), mirrors, variant=name)
    else:
        dataset = _from_source(name, SOURCES[name].files(), Path(raw_folder), mirrors)
    for network, batch_size in (batch_sizes or {}).items():
        if batch_size > (n_images := len(dataset.train_labels)):
            raise UserError(
                f"data set {name}: {n_images} training images are fewer than the {batch_size} in a batch of "
                f"{network}; add images, or set architectures.{network}.batch_size to at most {n_images}"
            )
    save(dataset, path)


def _from_source(
    name: str,
    files: Sequence[RemoteFile],
    raw_folder: Path,
    mirrors: str | Iterable[str],
    variant: str = "",
) -> Dataset:
    source = SOURCES[name]
    folder = raw_folder / (variant or source.folder)
    splits = source.read({file.name: fetch(file, folder, mirrors) for file in files})
    shape, seen = splits.train_images.shape[1:], len(np.unique(splits.train_labels))
    if shape != source.shape or seen != source.classes:
        raise UserError(
            f"data set {variant or name}: images of shape {shape} in {seen} classes, "
            f"not of shape {source.shape} in {source.classes}"
        )
    missing = _missing(splits, source)
    if missing and not variant:
        raise UserError(f"data set {name}: {missing}, though its files are the canonical ones")
    return Dataset(name, variant, source.note or missing, source.classes, source.mean, source.std, *splits)


def _missing(splits: Splits, source: Source) -> str:
    """How much there is of the whole data set, or nothing if it is all there."""
    train, test = len(splits.train_images), len(splits.test_images)
    if (train, test) == source.size:
        return ""
    return f"{train:,} of {source.size[0]:,} training and {test:,} of {source.size[1]:,} test images"


def _from_image_folder(name: str, folder: Path, size: tuple[int, int] | None) -> Dataset:
    splits, classes = read_image_folder(folder, size)
    # One channel at a time bounds the memory; a channel without contrast is only shifted.
    channels = [splits.train_images[:, channel] / np.float32(255) for channel in range(3)]
    mean = tuple(float(channel.mean(dtype=np.float64)) for channel in channels)
    std = tuple(float(channel.std(dtype=np.float64)) or 1.0 for channel in channels)
    return Dataset(name, "", "", len(classes), mean, std, *splits)
