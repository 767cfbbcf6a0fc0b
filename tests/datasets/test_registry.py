import dataclasses
import hashlib
import io
import os
import pickle

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

from effective_sparsity.datasets import SOURCES, load, prepare
from effective_sparsity.datasets.fetch import MIRRORS_VARIABLE
from effective_sparsity.errors import UserError


@pytest.fixture
def small_mnist(monkeypatch):
    """The size of the files in `mnist_mirror`."""
    monkeypatch.setitem(SOURCES, "mnist", dataclasses.replace(SOURCES["mnist"], size=(30, 20)))


def sha256(path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.mark.usefixtures("small_mnist")
def test_mnist_comes_from_a_mirror_into_the_place_that_torchvision_uses(mnist_mirror, mnist_arrays, tmp_path):
    prepare("mnist", tmp_path / "mnist.safetensors", tmp_path / "raw", mirrors=[mnist_mirror.as_uri()])
    dataset = load(tmp_path / "mnist.safetensors")
    assert (dataset.label, dataset.note, dataset.classes) == ("mnist", "", 10)
    assert (dataset.mean, dataset.std) == ((0.1307,), (0.3081,))
    np.testing.assert_array_equal(dataset.train_images[:, 0], mnist_arrays["train-images-idx3-ubyte.gz"])
    assert {path.name for path in (tmp_path / "raw" / "MNIST" / "raw").glob("*.gz")} == set(mnist_arrays)


@pytest.mark.usefixtures("small_mnist")
def test_the_environment_may_name_the_mirror(mnist_mirror, tmp_path, monkeypatch):
    monkeypatch.setenv(MIRRORS_VARIABLE, f"file:///nowhere, {mnist_mirror.as_uri()}")
    prepare("mnist", tmp_path / "mnist.safetensors", tmp_path / "raw")
    assert len(load(tmp_path / "mnist.safetensors").train_images) == 30


@pytest.mark.usefixtures("small_mnist", "mnist_mirror")
def test_offline_nothing_is_stored_and_one_line_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"MNIST/raw/train-images.*put the file there \(md5:.*`mirrors`"):
        prepare("mnist", tmp_path / "mnist.safetensors", tmp_path / "raw")
    assert not (tmp_path / "mnist.safetensors").exists()


def test_canonical_files_must_have_the_canonical_number_of_images(mnist_mirror, tmp_path):
    with pytest.raises(UserError, match="30 of 60,000 training and 20 of 10,000 test images"):
        prepare("mnist", tmp_path / "mnist.safetensors", tmp_path / "raw", mirrors=[mnist_mirror.as_uri()])


def test_a_variant_is_labelled_as_such_with_what_it_lacks(mnist_mirror, mnist_arrays, tmp_path):
    prepare(
        "mnist-noise",
        tmp_path / "mnist.safetensors",
        tmp_path / "raw",
        mirrors=[mnist_mirror.as_uri()],
        variant_of="mnist",
        files={name: sha256(mnist_mirror / name) for name in mnist_arrays},
    )
    dataset = load(tmp_path / "mnist.safetensors")
    assert (dataset.name, dataset.label) == ("mnist", "mnist-noise")
    assert dataset.note == "30 of 60,000 training and 20 of 10,000 test images"
    assert not (tmp_path / "raw" / "MNIST").exists()  # where canonical files belong


def test_mnist_5k_needs_no_files_and_says_what_it_is(tmp_path):
    prepare("mnist-5k", tmp_path / "x.safetensors", tmp_path / "raw")
    dataset = load(tmp_path / "x.safetensors")
    assert dataset.note == "5,000 MNIST images: 4,000 train, 1,000 test"
    assert not (tmp_path / "raw").exists()


class Trap:
    """Unpickling it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_an_archive_that_is_not_canonical_is_never_unpickled(tmp_path, monkeypatch, write_tar):
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    names = ("data_batch_1", "test_batch", "batches.meta")
    write_tar(tmp_path / CIFAR10.filename, {f"cifar-10-batches-py/{name}": trap for name in names})
    monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:9/{CIFAR10.filename}")  # nobody listens there
    with pytest.raises(UserError, match="not the canonical file"):
        prepare("cifar10", tmp_path / "x", tmp_path / "raw", mirrors=[tmp_path.as_uri()])
    assert not (tmp_path / "sprung").exists()


def test_a_variant_with_a_class_too_few_is_refused(tmp_path, write_tar):
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, "png")
    names = ("train/0_frog.png", "test/0_frog.png")
    write_tar(tmp_path / "frogs.tar", dict.fromkeys(names, buffer.getvalue()))
    files = {"frogs.tar": sha256(tmp_path / "frogs.tar")}
    with pytest.raises(UserError, match="in 1 classes"):
        prepare(
            "frogs", tmp_path / "x", tmp_path / "raw", tmp_path.as_uri(), variant_of="cifar10", files=files
        )


def test_an_image_folder_is_normalised_by_its_own_training_images(tmp_path):
    for split in ("train", "test"):
        for class_, colour in {"a": (0, 51, 255), "b": (255, 51, 255)}.items():
            (tmp_path / split / class_).mkdir(parents=True)
            Image.new("RGB", (3, 3), colour).save(tmp_path / split / class_ / "1.png")
    prepare("mine", tmp_path / "mine.safetensors", tmp_path / "raw", image_folder=tmp_path)
    dataset = load(tmp_path / "mine.safetensors")
    assert (dataset.label, dataset.note, dataset.classes) == ("mine", "", 2)
    assert dataset.mean == pytest.approx((0.5, 0.2, 1.0))
    assert dataset.std == pytest.approx((0.5, 1.0, 1.0))  # channels without contrast are not scaled


def test_an_image_folder_must_have_the_classes_and_the_images_that_are_needed(tmp_path):
    for split in ("train", "test"):
        for class_ in "ab":
            (tmp_path / split / class_).mkdir(parents=True)
            Image.new("RGB", (3, 3)).save(tmp_path / split / class_ / "1.png")
    with pytest.raises(UserError, match="has 2 classes, not 3"):
        prepare("mine", tmp_path / "x", tmp_path / "raw", image_folder=tmp_path, classes=3)
    with pytest.raises(
        UserError, match="mine: 2 training images are fewer than the 3 in a batch of lenet-5; "
    ):
        prepare("mine", tmp_path / "x", tmp_path / "raw", image_folder=tmp_path, batch_sizes={"lenet-5": 3})
    assert not (tmp_path / "x").exists()
    prepare("mine", tmp_path / "x", tmp_path / "raw", image_folder=tmp_path, batch_sizes={"lenet-5": 2})


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "minst",
            {},
            "'minst': give one of mnist, mnist-5k, cifar10, cifar100, tiny-imagenet-200, or a name",
        ),
        ("mnist", {"image_folder": "x"}, "a name of your own"),
        ("mnist", {"variant_of": "mnist", "files": {"x": "y"}}, "a name of your own"),
        ("mine", {"image_folder": "x", "variant_of": "mnist"}, "not with variant_of and image_folder"),
        ("mine", {"variant_of": "mnist"}, "files go with variant_of"),
        ("mnist", {"files": {"x": "y"}}, "files go with variant_of"),
        ("mnist", {"size": (3, 3)}, "size and classes with image_folder"),
        ("mine", {"variant_of": "minst", "files": {"x": "y"}}, "variant_of 'minst' is not one of mnist"),
        ("mine", {"variant_of": "mnist", "files": {"x": "y"}}, "checksum of x: 'y'"),
        ("mnist", {"mirrors": ["/a/folder"]}, "mirror '/a/folder'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, name, settings, message):
    with pytest.raises(UserError, match=message):
        prepare(name, tmp_path / "x.safetensors", tmp_path / "raw", **settings)


@pytest.mark.parametrize("name", SOURCES)
def test_the_facts_of_each_source_fit_together(name):
    source = SOURCES[name]
    assert len(source.shape) == 3
    assert len(source.mean) == len(source.std) == source.shape[0]
    assert all(0 < number < 1 for number in source.mean + source.std)


def test_real_mnist_is_whole(shared_data, tmp_path):
    prepare("mnist", tmp_path / "x", tmp_path / "raw", mirrors=(shared_data / "mnist").as_uri())
    dataset = load(tmp_path / "x")
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    np.testing.assert_array_equal(np.bincount(dataset.train_labels), train)
    np.testing.assert_array_equal(np.bincount(dataset.test_labels), test)
    assert dataset.train_images.mean() / 255 == pytest.approx(dataset.mean[0], abs=1e-4)
    assert dataset.train_images.std() / 255 == pytest.approx(dataset.std[0], abs=1e-4)


def test_real_cifar10_in_jpeg_is_a_variant(shared_data, tmp_path):
    archive = shared_data / "cifar10" / "cifar10-jpeg.tar.xz"
    files = {archive.name: "sha256:a86f9b064585bd15edf64cc062d73315fb71e58bb29b265205ea6d4136d69787"}
    mirrors = [archive.parent.as_uri()]
    prepare("cifar10-jpeg", tmp_path / "x", tmp_path, mirrors, variant_of="cifar10", files=files)
    dataset = load(tmp_path / "x")
    assert (dataset.label, dataset.note) == ("cifar10-jpeg", "")
    with np.load(archive.with_name("cifar10-train-first4000-lossless.npz")) as exact:
        np.testing.assert_array_equal(dataset.train_labels[:4000], exact["labels"])
        difference = dataset.train_images[:4000].reshape(4000, 3072) - exact["data"].astype(np.float32)
    assert np.square(difference).mean() == pytest.approx(65.4, abs=0.1)  # JPEG quality 75


def test_real_tiny_imagenet_in_part_says_what_it_lacks(shared_data, tmp_path):
    names = ["tiny-imagenet-200-meta+val.tar.xz", "tiny-imagenet-200-train-000-099.tar.xz"]
    files = {name: sha256(shared_data / "tiny-imagenet-200" / name) for name in names}
    prepare(
        "tiny-imagenet-200-fifth",
        tmp_path / "x",
        tmp_path,
        mirrors=[(shared_data / "tiny-imagenet-200").as_uri()],
        variant_of="tiny-imagenet-200",
        files=files,
    )
    dataset = load(tmp_path / "x")
    assert dataset.note == "20,000 of 100,000 training and 10,000 of 10,000 test images"
    np.testing.assert_array_equal(np.bincount(dataset.train_labels), [100] * 200)
    np.testing.assert_array_equal(np.bincount(dataset.test_labels), [50] * 200)
