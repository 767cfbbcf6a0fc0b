import numpy as np
import pytest

from effective_sparsity.training import checkpoint
from effective_sparsity.training.checkpoint import Checkpoint, fingerprint

ARRAYS = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "scalar": np.array(7),
    "flags": np.array([True, False]),
    "empty": np.empty((3, 0, 4)),
}


def test_arrays_come_back_with_shape_and_type(tmp_path):
    path = tmp_path / "folder" / "state"
    Checkpoint(path, "run").save(ARRAYS)
    loaded = Checkpoint(path, "run").load()
    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array, strict=True)


def test_nothing_is_loaded_where_nothing_was_saved(tmp_path):
    assert Checkpoint(tmp_path / "state", "run").load() is None


def test_without_a_path_nothing_is_written():
    memory_only = Checkpoint(None, "run")
    memory_only.save(ARRAYS)
    assert memory_only.load() is None
    assert not memory_only.due


def test_the_state_of_another_run_is_ignored_with_a_warning(tmp_path, caplog):
    Checkpoint(tmp_path / "state", "run").save(ARRAYS)
    assert Checkpoint(tmp_path / "state", "other").load() is None
    assert "another run" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: b"x" * len(content),
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    ],
    ids=["empty", "half", "one byte short", "foreign", "one bit flipped"],
)
def test_a_damaged_file_is_ignored_with_a_warning(tmp_path, caplog, damage):
    path = tmp_path / "state"
    Checkpoint(path, "run").save(ARRAYS)
    path.write_bytes(damage(path.read_bytes()))
    assert Checkpoint(path, "run").load() is None
    assert str(path) in caplog.text


def test_a_failed_write_leaves_the_last_state_and_no_rubbish(tmp_path, caplog, monkeypatch):
    path = tmp_path / "state"
    Checkpoint(path, "run").save(ARRAYS)

    def disk_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", disk_full)
    Checkpoint(path, "run").save({"matrix": np.zeros(3)})
    assert "No space left" in caplog.text
    assert [file.name for file in tmp_path.iterdir()] == ["state"]
    np.testing.assert_array_equal(Checkpoint(path, "run").load()["matrix"], ARRAYS["matrix"])


def test_it_is_due_after_the_interval(tmp_path, monkeypatch):
    state = Checkpoint(tmp_path / "state", "run")
    assert not state.due
    monkeypatch.setattr(checkpoint, "INTERVAL", 0)
    assert state.due


def test_a_fingerprint_tells_runs_apart_by_everything_in_them():
    base = {"seed": 0, "masks": [{"a": np.array([True, False])}], "rate": 0.1}
    variants = [
        base,
        base | {"seed": 1},
        base | {"rate": 0.1000001},
        base | {"masks": [{"a": np.array([True, True])}]},
        base | {"masks": [{"b": np.array([True, False])}]},
        base | {"masks": [{"a": np.array([1, 0], np.uint8)}]},
        base | {"masks": [{"a": np.array([[True, False]])}]},
        base | {"masks": [{"a": np.array([True, False])}, {}]},
    ]
    assert len({fingerprint(**variant) for variant in variants}) == len(variants)
    assert fingerprint(**base) == fingerprint(**dict(reversed(base.items())))
