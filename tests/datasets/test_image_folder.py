import numpy as np
import pytest
from PIL import Image

from effective_sparsity.datasets.image_folder import read_image_folder
from effective_sparsity.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Cats are black (0) and dogs white (255); the second training image of each lies in a subfolder."""
    for split, names in {"train": ["1.png", "more/2.PNG"], "test": ["1.png"]}.items():
        for class_, grey in {"dog": 255, "cat": 0}.items():
            for name in names:
                path = tmp_path / split / class_ / name
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (6, 4), (grey,) * 3).save(path)
        (tmp_path / split / ".hidden").mkdir()
        (tmp_path / split / "notes.txt").touch()
        (tmp_path / split / "cat" / "notes.txt").touch()
    return tmp_path


def test_labels_follow_the_names_of_the_classes(folder):
    splits, classes = read_image_folder(folder)
    assert classes == ["cat", "dog"]
    assert splits.train_images.shape == (4, 3, 4, 6)
    assert splits.test_images.shape == (2, 3, 4, 6)
    np.testing.assert_array_equal(splits.train_labels, [0, 0, 1, 1])
    np.testing.assert_array_equal(splits.train_images[:, 0, 0, 0], [0, 0, 255, 255])
    np.testing.assert_array_equal(splits.test_labels, [0, 1])


def test_images_are_resized_when_a_size_is_given(folder):
    Image.new("L", (50, 60)).save(folder / "train" / "cat" / "3.png")
    with pytest.raises(UserError, match="give a size"):
        read_image_folder(folder)
    splits, _ = read_image_folder(folder, size=(8, 5))
    assert splits.train_images.shape == (5, 3, 8, 5)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_folder_is_named(folder, split):
    (folder / split).rename(folder / "other")
    with pytest.raises(UserError, match=f"{split}: no such folder"):
        read_image_folder(folder)


def test_a_class_in_one_of_the_two_only_is_named(folder):
    (folder / "test" / "dog").rename(folder / "test" / "wolf")
    with pytest.raises(UserError, match="only one of them has dog, wolf"):
        read_image_folder(folder)


def test_a_class_without_images_is_named(folder):
    (folder / "test" / "cat" / "1.png").unlink()
    with pytest.raises(UserError, match="test/cat: no images there"):
        read_image_folder(folder)


def test_a_folder_without_classes_is_named(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(UserError, match="train: no class folders there"):
        read_image_folder(tmp_path)
