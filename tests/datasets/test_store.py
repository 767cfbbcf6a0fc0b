import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from effective_sparsity.datasets import Dataset, load, save
from effective_sparsity.errors import UserError
from effective_sparsity.storage import save_tensors


@pytest.fixture
def dataset() -> Dataset:
    random = np.random.default_rng(0)
    return Dataset(
        name="squares",
        variant="",
        note="7 of 70 images",
        classes=3,
        mean=(0.25, 0.5),
        std=(0.125, 1.0),
        train_images=random.integers(0, 256, (7, 2, 4, 5), dtype=np.uint8),
        train_labels=np.array([0, 1, 2, 0, 1, 2, 0]),
        test_images=random.integers(0, 256, (2, 2, 4, 5), dtype=np.uint8),
        test_labels=np.array([2, 0]),
    )


def assert_same(a: Dataset, b: Dataset) -> None:
    for field in dataclasses.fields(Dataset):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name), strict=True)


def test_load_gives_what_save_got(dataset, tmp_path):
    save(dataset, tmp_path / "new folder" / "squares.safetensors")
    loaded = load(tmp_path / "new folder" / "squares.safetensors")
    assert_same(loaded, dataset)
    assert isinstance(loaded.mean, tuple)


def test_arrays_that_are_not_contiguous_are_saved_in_their_logical_order(dataset, tmp_path):
    turned = dataclasses.replace(
        dataset,
        train_images=dataset.train_images.transpose(0, 1, 3, 2)[:, :, ::-1],
        test_images=dataset.test_images.transpose(0, 1, 3, 2),
    )
    save(turned, tmp_path / "squares")
    assert_same(load(tmp_path / "squares"), turned)


def test_equal_data_sets_are_equal_files(dataset, tmp_path):
    for index in range(8):
        save(dataset, tmp_path / str(index))
    assert len({(tmp_path / str(index)).read_bytes() for index in range(8)}) == 1


def test_a_folder_that_cannot_be_made_is_named(dataset, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/squares: the data set cannot be written"):
        save(dataset, tmp_path / "file" / "squares")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such data set"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("size", [0, 5, 100, -1])
def test_a_damaged_file_is_named(dataset, tmp_path, size):
    path = tmp_path / "squares"
    save(dataset, path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match="squares: damaged or foreign file"):
        load(path)


def test_a_file_of_other_tensors_is_refused(tmp_path):
    save_tensors(tmp_path / "weights", {"weight": np.zeros(3)}, step=1)
    with pytest.raises(UserError, match=r"weights: damaged .*no mean.*snakemake --cores 1 data"):
        load(tmp_path / "weights")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_images": np.zeros((7, 2, 4, 5))}, "train: images are float64"),
        ({"train_images": np.zeros((7, 4, 5), np.uint8)}, r"images are uint8 \(7, 4, 5\)"),
        ({"test_images": np.zeros((0, 2, 4, 5), np.uint8), "test_labels": np.zeros(0, int)}, "with N > 0"),
        ({"test_images": np.zeros((2, 2, 5, 4), np.uint8)}, "differ in shape"),
        ({"train_labels": np.zeros(6, int)}, r"labels are int64 \(6,\), not int64 \(7,\)"),
        ({"train_labels": np.zeros(7, np.int32)}, "labels are int32"),
        ({"test_labels": np.array([3, 0])}, r"labels 0\.\.3, not within 0\.\.2"),
        ({"test_labels": np.array([-1, 0])}, r"labels -1\.\.0, not within 0\.\.2"),
        ({"mean": (0.5,)}, "one number for each of 2 channels"),
        ({"std": (0.5, 0.0)}, "std above 0"),
    ],
)
def test_contradictions_are_refused(dataset, change, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(dataset, **change)


def test_tables_name_the_variant(dataset):
    assert dataset.label == "squares"
    assert dataclasses.replace(dataset, variant="squares-jpeg").label == "squares-jpeg"


def test_importing_does_not_import_torch():
    code = "import sys, effective_sparsity.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
