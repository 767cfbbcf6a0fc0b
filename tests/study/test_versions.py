"""What makes results out of date."""

import pytest

from effective_sparsity.study import versions


def test_code_is_what_its_files_are(tmp_path, monkeypatch):
    monkeypatch.setattr(versions, "_LIBRARY", tmp_path)
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/a.py").write_text("a")
    (tmp_path / "other.py").write_text("b")
    first = versions.of_code("figures", "other.py")
    (tmp_path / "figures/__pycache__").mkdir()
    (tmp_path / "figures/__pycache__/a.pyc").write_text("compiled")
    (tmp_path / "figures/a.py").touch()
    assert versions.of_code("figures", "other.py") == first
    (tmp_path / "other.py").write_text("c")
    assert versions.of_code("figures", "other.py") != first
    assert versions.of_code("figures") != first


def test_code_that_is_not_there_is_an_error():
    with pytest.raises(FileNotFoundError):
        versions.of_code("figurs")
