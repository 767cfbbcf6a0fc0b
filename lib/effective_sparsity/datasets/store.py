"""A data set in memory, and as one file of tensors."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from effective_sparsity.errors import DamagedFileError, UserError
from effective_sparsity.storage import TensorFile, save_tensors

_FACTS = ("name", "variant", "note", "classes", "mean", "std")

# By itself first: whatever is made in the same run as its input is made again.
_REMAKE = "run `snakemake --cores 1 data`, then the same command again"


class Splits(NamedTuple):
    """What a reader of a data set returns: images uint8 (N, C, H, W) and labels int64 (N,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Images and labels for training and testing. The input of a network is ``(image / 255 - mean) / std``.

    Attributes:
        name: registered name, such as "cifar10", or the user's own.
        variant: name of the stand-in that this is, such as "cifar10-jpeg"; empty for the canonical images.
        note: what is missing compared with the whole data set; empty if nothing is.
        classes: number of classes; labels are 0 .. classes - 1.
        mean, std: of each channel, in units of the pixel range 0..1.
        train_images, test_images: uint8 of shape (N, C, H, W).
        train_labels, test_labels: int64 of shape (N,).

    Raises:
        UserError: if the arrays contradict each other or have another type.
    """

    name: str
    variant: str
    note: str
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    def __post_init__(self):
        for split in ("train", "test"):
            self._check(split, getattr(self, f"{split}_images"), getattr(self, f"{split}_labels"))
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            shapes = f"{self.train_images.shape[1:]} and {self.test_images.shape[1:]}"
            raise UserError(f"data set {self.name}: training and test images differ in shape, {shapes}")
        channels = self.train_images.shape[1]
        if not len(self.mean) == len(self.std) == channels or min(self.std) <= 0:
            raise UserError(
                f"data set {self.name}: mean {self.mean} and std {self.std} need one number for each of "
                f"{channels} channels, std above 0"
            )

    def _check(self, split: str, images: np.ndarray, labels: np.ndarray) -> None:
        where = f"data set {self.name}, {split}"
        if images.dtype != np.uint8 or images.ndim != 4 or not images.size:
            found = f"{images.dtype} {images.shape}"
            raise UserError(f"{where}: images are {found}, not uint8 (N, C, H, W) with N > 0")
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise UserError(f"{where}: labels are {labels.dtype} {labels.shape}, not int64 ({len(images)},)")
        if labels.min() < 0 or labels.max() >= self.classes:
            found = f"{labels.min()}..{labels.max()}"
            raise UserError(f"{where}: labels {found}, not within 0..{self.classes - 1}")

    @property
    def label(self) -> str:
        """The name for tables and figures: that of the variant, if it is one."""
        return self.variant or self.name


def save(dataset: Dataset, path: str | Path) -> None:
    """Writes `path` in one piece: an interrupted write leaves what was there before."""
    arrays = {name: getattr(dataset, name) for name in Splits._fields}
    facts = {name: getattr(dataset, name) for name in _FACTS}
    try:
        save_tensors(path, arrays, **facts)
    except OSError as error:
        raise UserError(f"{path}: the data set cannot be written there ({error})") from error


def load(path: str | Path) -> Dataset:
    """Reads a file that `save` wrote.

    Raises:
        UserError: if there is no such file.
        DamagedFileError: if it was not written by `save`, or has changed since.
    """
    try:
        file = TensorFile(path)
        facts = file.metadata | {name: tuple(file.metadata[name]) for name in ("mean", "std")}
        return Dataset(**(facts | file.tensors()))
    except FileNotFoundError:
        raise UserError(f"{path}: no such data set; the workflow's download step makes it") from None
    except TypeError as error:
        raise DamagedFileError(path, error, _REMAKE) from error
    except DamagedFileError as error:
        error.remake = _REMAKE
        raise
