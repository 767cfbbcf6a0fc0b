"""Folders of small stand-ins for the published files, to serve as mirrors; and the real ones, if at hand."""

import gzip
import hashlib
import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torchvision

from effective_sparsity.datasets import fetch


@pytest.fixture(autouse=True)
def _no_waiting_and_no_mirrors_from_outside(monkeypatch):
    monkeypatch.setattr(fetch, "_PAUSE_SECONDS", 0.0)
    monkeypatch.delenv(fetch.MIRRORS_VARIABLE, raising=False)


@pytest.fixture
def shared_data(root) -> Path:
    """Folder of real data sets beside the project."""
    folder = root.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real data sets in shared/data beside the project")
    return folder


@pytest.fixture
def write_tar():
    """Function that writes members, given by name, to a tar archive compressed as its suffix says."""

    def write(path: Path, members: dict[str, bytes]) -> dict[str, Path]:
        """The path by the name of the file, as readers of data sets take it."""
        with tarfile.open(path, f"w:{path.suffix.removeprefix('.').removesuffix('tar')}") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return {path.name: path}

    return write


def idx(array: np.ndarray) -> bytes:
    """The format of MNIST's files, for uint8."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def mnist_arrays() -> dict[str, np.ndarray]:
    """30 training and 20 test images by file name; every digit occurs in both."""
    random = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte.gz": random.integers(0, 256, (30, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte.gz": np.arange(30, dtype=np.uint8) % 10,
        "t10k-images-idx3-ubyte.gz": random.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte.gz": np.arange(20, dtype=np.uint8) % 10,
    }


@pytest.fixture
def mnist_mirror(tmp_path, monkeypatch, mnist_arrays) -> Path:
    """A folder with four small files that torchvision takes for the canonical ones; no other mirror is up."""
    folder = tmp_path / "mnist mirror"
    folder.mkdir()
    resources = []
    for name, array in mnist_arrays.items():
        packed = gzip.compress(idx(array), mtime=0)
        (folder / name).write_bytes(packed)
        resources.append((name, hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    monkeypatch.setattr(
        torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"]
    )  # nobody listens there
    return folder
