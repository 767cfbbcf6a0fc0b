import io
import pickle

import numpy as np
import pytest
from PIL import Image

from effective_sparsity.datasets.cifar import cifar_files, read_cifar
from effective_sparsity.errors import UserError


@pytest.fixture
def batches() -> dict[str, bytes]:
    """CIFAR-10's layout with two images a batch: image i of batch b is full of 10 b + i, with label i + b."""
    members = {"cifar-10-batches-py/batches.meta": pickle.dumps({"label_names": list("abcdefghij")})}
    for batch, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], start=1):
        data = np.repeat(np.uint8([10 * batch, 10 * batch + 1])[:, None], 3072, axis=1)
        content = {"data": data, "labels": [batch, batch + 1]}
        members[f"cifar-10-batches-py/{name}"] = pickle.dumps(content)
    return members


def jpeg(colour) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(buffer, "jpeg")
    return buffer.getvalue()


def test_the_checksums_are_the_canonical_ones():
    (cifar10,), (cifar100,) = cifar_files("CIFAR10"), cifar_files("CIFAR100")
    assert (cifar10.name, cifar10.checksum) == (
        "cifar-10-python.tar.gz",
        "md5:c58f30108f718f92721af3b95e74349a",
    )
    assert (cifar100.name, cifar100.checksum) == (
        "cifar-100-python.tar.gz",
        "md5:eb9058c3a382ffc7106e4002c42a8d85",
    )
    assert cifar10.homes[0].startswith("https://") and not cifar10.homes[0].endswith("/")


def test_batches_are_read_in_order(batches, tmp_path, write_tar):
    splits = read_cifar(write_tar(tmp_path / "x.tar.gz", batches), "CIFAR10")
    assert splits.train_images.shape == (10, 3, 32, 32)
    np.testing.assert_array_equal(splits.train_images[:, 0, 0, 0], [10, 11, 20, 21, 30, 31, 40, 41, 50, 51])
    np.testing.assert_array_equal(splits.train_labels, [1, 2, 2, 3, 3, 4, 4, 5, 5, 6])
    np.testing.assert_array_equal(splits.test_images[:, 2, 31, 31], [60, 61])
    np.testing.assert_array_equal(splits.test_labels, [6, 7])


def test_channels_rows_and_columns_keep_their_places(batches, tmp_path, write_tar):
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3072), dtype=np.uint8)
    batches["cifar-10-batches-py/test_batch"] = pickle.dumps({"data": pixels, "labels": [0]})
    splits = read_cifar(write_tar(tmp_path / "x.tar.gz", batches), "CIFAR10")
    np.testing.assert_array_equal(splits.test_images, pixels.reshape(1, 3, 32, 32))


def test_cifar100_has_the_fine_labels(tmp_path, write_tar):
    batch = {"data": np.zeros((2, 3072), np.uint8), "fine_labels": [7, 99], "coarse_labels": [0, 1]}
    members = {
        "cifar-100-python/train": pickle.dumps(batch),
        "cifar-100-python/test": pickle.dumps(batch),
        "cifar-100-python/meta": pickle.dumps({"fine_label_names": []}),
    }
    splits = read_cifar(write_tar(tmp_path / "x.tar.gz", members), "CIFAR100")
    np.testing.assert_array_equal(splits.train_labels, [7, 99])


def test_images_are_read_by_row_with_labels_in_alphabetical_order(tmp_path, write_tar):
    members = {
        "train/00001_frog.jpg": jpeg((0, 0, 255)),
        "train/00000_truck.jpg": jpeg((255, 0, 0)),
        "train/00002_bird.jpg": jpeg((0, 255, 0)),
        "test/00000_frog.jpg": jpeg((9, 9, 9)),
        "README": b"not an image",
    }
    splits = read_cifar(write_tar(tmp_path / "x.tar.gz", members), "CIFAR10")
    np.testing.assert_array_equal(splits.train_labels, [2, 1, 0])
    np.testing.assert_array_equal(splits.test_labels, [1])
    np.testing.assert_allclose(splits.train_images[:, 0, 5, 5].astype(int), [255, 0, 0], atol=3)


def test_members_that_point_elsewhere_are_not_written(batches, tmp_path, write_tar):
    files = write_tar(tmp_path / "x.tar.gz", batches | {"../evil": b"", "/tmp/evil": b"", "evil": b""})
    before = set(tmp_path.parent.rglob("*"))
    read_cifar(files, "CIFAR10")
    assert set(tmp_path.parent.rglob("*")) == before


def test_a_missing_batch_is_named(batches, tmp_path, write_tar):
    del batches["cifar-10-batches-py/data_batch_3"]
    with pytest.raises(
        UserError, match=r"x\.tar\.gz: neither images nor the layout of CIFAR10.*data_batch_3$"
    ):
        read_cifar(write_tar(tmp_path / "x.tar.gz", batches), "CIFAR10")


def test_an_archive_of_something_else_is_refused(tmp_path, write_tar):
    with pytest.raises(UserError, match="neither images nor the layout of CIFAR10"):
        read_cifar(write_tar(tmp_path / "x.tar.gz", {"a": b""}), "CIFAR10")
