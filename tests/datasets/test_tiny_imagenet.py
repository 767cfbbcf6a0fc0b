import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from effective_sparsity.datasets.tiny_imagenet import read_tiny_imagenet, tiny_imagenet_files
from effective_sparsity.errors import UserError

ROOT = "tiny-imagenet-200"


def jpeg(grey: int, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (64, 64), grey if mode == "L" else (grey,) * 3).save(buffer, "jpeg")
    return buffer.getvalue()


@pytest.fixture
def members() -> dict[str, bytes]:
    """Two classes, not in alphabetical order in wnids.txt; the grey level tells which image it is."""
    return {
        f"{ROOT}/wnids.txt": b"n02\nn01\n",
        f"{ROOT}/words.txt": b"n01\tone\n",
        f"{ROOT}/val/val_annotations.txt": b"val_0.JPEG\tn01\t0\t0\t9\t9\nval_1.JPEG\tn02\t0\t0\t9\t9\n"
        b"val_10.JPEG\tn01\t0\t0\t9\t9\n",
        f"{ROOT}/val/images/val_10.JPEG": jpeg(210),
        f"{ROOT}/val/images/val_1.JPEG": jpeg(201),
        f"{ROOT}/val/images/val_0.JPEG": jpeg(200, "L"),
        f"{ROOT}/train/n02/images/n02_9.JPEG": jpeg(29),
        f"{ROOT}/train/n02/images/n02_10.JPEG": jpeg(39),
        f"{ROOT}/train/n02/n02_boxes.txt": b"n02_9.JPEG\t0\t0\t9\t9\n",
        f"{ROOT}/train/n01/images/n01_2.JPEG": jpeg(12, "L"),
        f"{ROOT}/test/images/test_0.JPEG": b"not read",
    }


def write_zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return {path.name: path}


def assert_right(splits):
    assert splits.train_images.shape == (3, 3, 64, 64)
    assert splits.test_images.shape == (3, 3, 64, 64)
    np.testing.assert_array_equal(splits.train_images[:, :, 0, 0], [[12] * 3, [29] * 3, [39] * 3])
    np.testing.assert_array_equal(splits.train_labels, [1, 0, 0])
    np.testing.assert_array_equal(splits.test_images[:, :, 0, 0], [[200] * 3, [201] * 3, [210] * 3])
    np.testing.assert_array_equal(splits.test_labels, [1, 0, 1])


def test_the_checksum_is_the_canonical_one():
    (file,) = tiny_imagenet_files()
    assert (file.name, file.checksum) == ("tiny-imagenet-200.zip", "md5:90528d7ca1a48142e341f4ef8d21d0de")


def test_folders_and_annotations_give_the_labels_and_grey_images_become_colour(members, tmp_path):
    assert_right(read_tiny_imagenet(write_zip(tmp_path / "x.zip", members)))


def test_the_order_within_the_archive_does_not_matter(members, tmp_path):
    backwards = dict(reversed(members.items()))
    assert_right(read_tiny_imagenet(write_zip(tmp_path / "x.zip", backwards)))


def test_the_tree_may_be_split_over_several_archives(members, tmp_path, write_tar):
    files = {}
    for part in ("train", "val"):
        chosen = {
            name: content
            for name, content in members.items()
            if (f"{ROOT}/train" in name) == (part == "train")
        }
        files |= write_tar(tmp_path / f"{part}.tar.xz", chosen)
    assert_right(read_tiny_imagenet(files))


@pytest.mark.parametrize("missing", ["wnids.txt", "val/val_annotations.txt"])
def test_a_tree_without_its_lists_is_refused(members, tmp_path, missing):
    del members[f"{ROOT}/{missing}"]
    with pytest.raises(UserError, match=missing):
        read_tiny_imagenet(write_zip(tmp_path / "x.zip", members))


@pytest.mark.parametrize(
    ("extra", "message"),
    [("train/n03/images/n03_1.JPEG", "n03"), ("val/images/val_7.JPEG", r"val_7\.JPEG")],
)
def test_an_image_without_a_label_is_named(members, tmp_path, extra, message):
    members[f"{ROOT}/{extra}"] = jpeg(0)
    with pytest.raises(UserError, match=message):
        read_tiny_imagenet(write_zip(tmp_path / "x.zip", members))
