"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): the canonical archives of pickles, or archives of image files."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from effective_sparsity.datasets.archive import read_members
from effective_sparsity.datasets.fetch import RemoteFile
from effective_sparsity.datasets.images import decode
from effective_sparsity.datasets.store import Splits
from effective_sparsity.errors import UserError

# A member of an archive of images, such as train/00042_frog.jpg: split, row and class.
_IMAGE = re.compile(r"(?:\./)?(train|test)/(\d+)_(\w+)\.(?:jpe?g|png)")


def _torchvision_class(class_name: str) -> Any:
    from torchvision import datasets  # here, because it imports torch

    return getattr(datasets, class_name)


def cifar_files(class_name: str) -> list[RemoteFile]:
    """The one archive, as torchvision's class of that name ("CIFAR10" or "CIFAR100") knows it."""
    canonical = _torchvision_class(class_name)
    return [RemoteFile(canonical.filename, f"md5:{canonical.tgz_md5}", (canonical.url.rpartition("/")[0],))]


def read_cifar(files: Mapping[str, Path], class_name: str) -> Splits:
    """Reads verified archives: the canonical layout, or images named <split>/<row>_<class>.jpg (or .png)."""
    canonical = _torchvision_class(class_name)
    listed = [*canonical.train_list, *canonical.test_list, [canonical.meta["filename"]]]
    pickles = {f"{canonical.base_folder}/{name}" for name, *_ in listed}
    members = read_members(files.values(), lambda name: name in pickles or _IMAGE.fullmatch(name) is not None)
    if pickles == members.keys():
        return _read_pickles(members, canonical)
    if not members or pickles & members.keys():
        missing = ", ".join(sorted(pickles - members.keys()))
        raise UserError(
            f"{', '.join(files)}: neither images nor the layout of {class_name}, which has {missing}"
        )
    return _read_images(members)


def _read_pickles(members: Mapping[str, bytes], canonical: Any) -> Splits:
    class Verified(canonical):
        """Needs no further checksums: the members are from archives whose own checksums were right."""

        train_list = [[name, None] for name, _ in canonical.train_list]  # noqa: RUF012
        test_list = [[name, None] for name, _ in canonical.test_list]  # noqa: RUF012
        meta = canonical.meta | {"md5": None}

    with tempfile.TemporaryDirectory() as root:
        Path(root, canonical.base_folder).mkdir()
        for name, content in members.items():
            Path(root, name).write_bytes(content)
        train, test = (Verified(root, train=train) for train in (True, False))
    return Splits(*_arrays(train), *_arrays(test))


def _arrays(split) -> tuple[np.ndarray, np.ndarray]:
    return split.data.transpose(0, 3, 1, 2), np.array(split.targets, np.int64)  # torchvision has (N, H, W, C)


def _read_images(members: Mapping[str, bytes]) -> Splits:
    rows = sorted((*match.groups(), name) for name in members if (match := _IMAGE.fullmatch(name)))
    classes = sorted({class_ for _, _, class_, _ in rows})  # the canonical labels are alphabetical, too

    def split(wanted: str) -> tuple[np.ndarray, np.ndarray]:
        chosen = [row for row in rows if row[0] == wanted]
        labels = np.array([classes.index(class_) for _, _, class_, _ in chosen], np.int64)
        return decode([(name, members[name]) for *_, name in chosen]), labels

    return Splits(*split("train"), *split("test"))
