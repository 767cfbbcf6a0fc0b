"""Files of tensors: whole or not at all, in order, never unpickled."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from effective_sparsity.errors import DamagedFileError, UserError
from effective_sparsity.storage import TensorFile, replacing, save_tensors, stream_tensors

TENSORS = {
    "z/b": np.arange(3),
    "number": np.array(7),
    "a": np.ones((2, 2), np.float32),
    "z/a": np.zeros(1, bool),
}


def test_tensors_come_back_in_order_with_their_metadata(tmp_path):
    save_tensors(tmp_path / "folder/file", TENSORS, facts={"x": [1, None]})
    file = TensorFile(tmp_path / "folder/file")
    assert file.metadata == {"facts": {"x": [1, None]}}
    assert list(file.tensors()) == list(TENSORS)
    assert all(np.array_equal(file[name], TENSORS[name]) for name in TENSORS)
    assert all(file[name].dtype == TENSORS[name].dtype for name in TENSORS)
    assert all(file[name].shape == TENSORS[name].shape for name in TENSORS)
    assert list(file.group("z")) == ["b", "a"]


def test_arrays_of_any_layout_are_stored_as_they_look(tmp_path):
    matrix = np.arange(6).reshape(2, 3)
    save_tensors(tmp_path / "file", {"transposed": matrix.T, "strided": matrix[:, ::2]})
    file = TensorFile(tmp_path / "file")
    assert np.array_equal(file["transposed"], matrix.T)
    assert np.array_equal(file["strided"], matrix[:, ::2])


def test_streamed_tensors_are_read_like_others(tmp_path):
    tensors = {"z": np.arange(6, dtype=np.int32).reshape(2, 3), "a": np.array([7], np.int32)}
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    stream_tensors(tmp_path / "file", shapes, iter(tensors.values()), facts=[1, None])
    file = TensorFile(tmp_path / "file")
    assert file.metadata == {"facts": [1, None]}
    assert list(file.tensors()) == ["z", "a"]
    assert all(np.array_equal(file[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    "tensors", [[np.zeros(2)], [np.zeros(3, np.int32)], [], [np.zeros(2, np.int32)] * 2], ids=len
)
def test_a_stream_of_other_tensors_than_announced_leaves_no_file(tensors, tmp_path):
    with pytest.raises(ValueError):
        stream_tensors(tmp_path / "file", {"a": (2,)}, tensors)
    assert list(tmp_path.iterdir()) == []


def test_equal_content_gives_equal_bytes(tmp_path):
    for name in ("one", "two"):
        save_tensors(tmp_path / name, TENSORS, a=1, b=2, c=3)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"x" * len(b)])
def test_damaged_files_are_an_error_that_names_them(tmp_path, damage):
    path = tmp_path / "file"
    save_tensors(path, TENSORS)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"file: damaged or foreign file .*; delete it and run the same"):
        TensorFile(path)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_is_noticed_wherever_it_is(position, change):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        save_tensors(path, TENSORS, facts=[1])
        content = bytearray(path.read_bytes())
        content[position % len(content)] ^= change
        path.write_bytes(content)
        try:
            file = TensorFile(path)
            back = file.tensors()
        except DamagedFileError as error:
            assert error.path == path
        else:  # in the header, where it may change a name or a space
            start = 8 + int.from_bytes(content[:8], "little")
            assert position % len(content) < start
            stored = [array.tobytes() for array in back.values()]
            assert stored == [array.tobytes() for array in TENSORS.values()]


def test_a_changed_byte_of_a_stream_is_noticed(tmp_path):
    stream_tensors(tmp_path / "file", {"a": (3,)}, [np.arange(3, dtype=np.int32)])
    content = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(content[:-1] + b"\1")
    with pytest.raises(DamagedFileError, match="the checksum of a is not"):
        TensorFile(tmp_path / "file")["a"]


def test_a_file_of_other_content_says_what_it_lacks(tmp_path):
    save_tensors(tmp_path / "file", TENSORS)
    file = TensorFile(tmp_path / "file")
    with pytest.raises(DamagedFileError, match="it has no shapes"):
        file.metadata["shapes"]
    with pytest.raises(DamagedFileError, match="other"):
        file["other"]


def test_files_without_checksums_are_read(tmp_path):
    header = {"header": json.dumps({"names": ["a"]})}
    (tmp_path / "file").write_bytes(save({"a": np.ones(2)}, header))
    assert TensorFile(tmp_path / "file")["a"].sum() == 2


def test_a_file_that_cannot_be_opened_is_no_damaged_one(tmp_path):
    with pytest.raises(IsADirectoryError) as error:
        TensorFile(tmp_path)
    assert error.value.filename == str(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_failed_write_names_the_file(tmp_path):
    with (
        pytest.raises(OSError, match="No space left") as error,
        replacing(tmp_path / "file"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert error.value.filename == str(tmp_path / "file")


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_may_be_read_by_others_as_the_umask_says(tmp_path):
    (tmp_path / "plain").write_text("")
    save_tensors(tmp_path / "file", TENSORS)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
