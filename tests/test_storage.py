"""Files of tensors: whole or not at all, in order, never unpickled."""

import numpy as np
import pytest

from effective_sparsity.errors import UserError
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
    assert "a" in file
    assert "b" not in file


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
    with pytest.raises(UserError, match=r"file: damaged or foreign file .*; delete it and run again"):
        TensorFile(path)


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
