import numpy as np
import pytest
from torchvision.datasets import MNIST

from effective_sparsity.datasets.fetch import fetch
from effective_sparsity.datasets.mnist import mnist_files, read_mnist, read_mnist_5k
from effective_sparsity.errors import UserError


def fetch_all(folder, mirror):
    return {file.name: fetch(file, folder, [mirror.as_uri()]) for file in mnist_files()}


def test_the_checksums_are_the_canonical_ones():
    assert {file.name: file.checksum for file in mnist_files()} == {
        "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
    }
    assert all(file.homes for file in mnist_files())


def test_images_and_labels_are_those_of_the_files(mnist_mirror, mnist_arrays, tmp_path):
    splits = read_mnist(fetch_all(tmp_path, mnist_mirror))
    np.testing.assert_array_equal(splits.train_images[:, 0], mnist_arrays["train-images-idx3-ubyte.gz"])
    np.testing.assert_array_equal(splits.train_labels, mnist_arrays["train-labels-idx1-ubyte.gz"])
    np.testing.assert_array_equal(splits.test_images[:, 0], mnist_arrays["t10k-images-idx3-ubyte.gz"])
    np.testing.assert_array_equal(splits.test_labels, mnist_arrays["t10k-labels-idx1-ubyte.gz"])


def test_damaged_unpacked_files_beside_the_archives_do_no_harm(mnist_mirror, mnist_arrays, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in mnist_arrays:
        (raw / name.removesuffix(".gz")).write_bytes(b"damaged")
    splits = read_mnist(fetch_all(raw, mnist_mirror))
    np.testing.assert_array_equal(splits.test_images[:, 0], mnist_arrays["t10k-images-idx3-ubyte.gz"])


def test_nothing_unpacked_is_left(mnist_mirror, mnist_arrays, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    read_mnist(fetch_all(tmp_path / "raw", mnist_mirror))
    assert not list((tmp_path / "temporary").iterdir())
    assert {path.name for path in (tmp_path / "raw").glob("[!.]*")} == set(mnist_arrays)


def test_files_of_a_variant_that_lack_one_are_refused(mnist_mirror, tmp_path):
    files = fetch_all(tmp_path, mnist_mirror)
    del files["t10k-labels-idx1-ubyte.gz"]
    with pytest.raises(UserError, match=r"MNIST needs \['train-images.*t10k-labels-idx1-ubyte.gz'\], not"):
        read_mnist(files)


def test_mnist_5k_is_balanced_in_every_leading_part():
    splits = read_mnist_5k({})
    assert splits.train_images.shape == (4000, 1, 28, 28)
    assert splits.test_images.shape == (1000, 1, 28, 28)
    np.testing.assert_array_equal(splits.train_labels[:12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
    np.testing.assert_array_equal(np.bincount(splits.train_labels), [400] * 10)
    np.testing.assert_array_equal(np.bincount(splits.test_labels), [100] * 10)


def test_mnist_5k_is_the_first_500_of_each_digit_of_mnist(shared_data):
    small = read_mnist_5k({})
    whole = whole_mnist(shared_data)
    for digit in range(10):
        expected = whole.train_images[whole.train_labels == digit][:500]
        np.testing.assert_array_equal(small.train_images[small.train_labels == digit], expected[:400])
        np.testing.assert_array_equal(small.test_images[small.test_labels == digit], expected[400:])


def whole_mnist(shared_data):
    return read_mnist({name: shared_data / "mnist" / name for name, _ in MNIST.resources})
