"""Tiny-ImageNet-200 (Le and Yang 2015): class folders to train, annotated validation images to test."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from effective_sparsity.datasets.archive import read_members
from effective_sparsity.datasets.fetch import RemoteFile
from effective_sparsity.datasets.images import decode
from effective_sparsity.datasets.store import Splits
from effective_sparsity.errors import UserError

_ROOT = "tiny-imagenet-200"
_TRAIN = re.compile(rf"{_ROOT}/train/(n\d+)/images/[^/]+\.JPEG")
_TEST = re.compile(rf"{_ROOT}/val/images/([^/]+\.JPEG)")
_CLASSES = f"{_ROOT}/wnids.txt"
_ANNOTATIONS = f"{_ROOT}/val/val_annotations.txt"


def tiny_imagenet_files() -> list[RemoteFile]:
    """The one archive; its test images have no published labels and are not used."""
    return [
        RemoteFile(
            "tiny-imagenet-200.zip", "md5:90528d7ca1a48142e341f4ef8d21d0de", ("http://cs231n.stanford.edu",)
        )
    ]


def read_tiny_imagenet(files: Mapping[str, Path]) -> Splits:
    """Reads verified archives that together hold the canonical tree. Labels follow the order of wnids.txt."""
    members = read_members(
        files.values(),
        lambda name: (
            name in (_CLASSES, _ANNOTATIONS) or bool(_TRAIN.fullmatch(name) or _TEST.fullmatch(name))
        ),
    )
    if not {_CLASSES, _ANNOTATIONS} <= members.keys():
        raise UserError(f"{', '.join(map(str, files.values()))}: no {_CLASSES} or no {_ANNOTATIONS} there")
    labels = {wnid: label for label, wnid in enumerate(members[_CLASSES].decode().split())}
    # A line of the annotations is: file name, class, and a box that is not needed.
    annotated = dict(line.split("\t")[:2] for line in members[_ANNOTATIONS].decode().splitlines())

    train = sorted((match[1], _row(name), name) for name in members if (match := _TRAIN.fullmatch(name)))
    test = sorted((_row(name), match[1], name) for name in members if (match := _TEST.fullmatch(name)))
    try:
        train_labels = [labels[wnid] for wnid, *_ in train]
        test_labels = [labels[annotated[file]] for _, file, _ in test]
    except KeyError as unknown:
        raise UserError(f"no label for {unknown} in {_CLASSES} or {_ANNOTATIONS}") from None
    return Splits(
        decode([(name, members[name]) for *_, name in train]),
        np.array(train_labels, np.int64),
        decode([(name, members[name]) for *_, name in test]),
        np.array(test_labels, np.int64),
    )


def _row(name: str) -> int:
    """The number at the end of n01443537_17.JPEG or val_17.JPEG: the archive's order does not matter."""
    return int(re.sub(r".*_(\d+)\.JPEG$", r"\1", name))
