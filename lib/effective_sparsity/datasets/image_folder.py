"""A data set of the user's own: folders of images, one for each class."""

from pathlib import Path

import numpy as np

from effective_sparsity.datasets.images import decode
from effective_sparsity.datasets.store import Splits
from effective_sparsity.errors import UserError

_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def read_image_folder(folder: Path, size: tuple[int, int] | None = None) -> tuple[Splits, list[str]]:
    """Reads folder/train/<class>/<image> and folder/test/<class>/<image>.

    Args:
        size: height and width in pixels to which all images are resized; by default all must be of one size.

    Returns:
        The images in RGB, and the names of the classes: labels are their places in alphabetical order.

    Raises:
        UserError: if a folder is missing or has no classes, a class no images, or the two differ in classes.
    """
    train, test = _list_classes(folder / "train"), _list_classes(folder / "test")
    if train.keys() != test.keys():
        only = ", ".join(sorted(train.keys() ^ test.keys()))
        raise UserError(f"{folder}: train and test need the same classes, but only one of them has {only}")
    return Splits(*_read(train, size), *_read(test, size)), list(train)


def _list_classes(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; an image folder has train/<class> and test/<class>")
    classes = {
        entry.name: sorted(path for path in entry.rglob("*") if path.suffix.lower() in _SUFFIXES)
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and not entry.name.startswith(".")
    }
    empty = [name for name, images in classes.items() if not images]
    if empty or not classes:
        raise UserError(
            f"{folder / empty[0] if empty else folder}: no {'images' if empty else 'class folders'} there"
        )
    return classes


def _read(classes: dict[str, list[Path]], size: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
    paths = [path for images in classes.values() for path in images]
    labels = np.repeat(np.arange(len(classes)), [len(images) for images in classes.values()])
    return decode([(str(path), path) for path in paths], size), labels
