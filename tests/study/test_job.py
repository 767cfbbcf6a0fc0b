"""How jobs end: what the user can fix is one line, anything else leaves its traceback in the log."""

import logging
from pathlib import Path

import pytest

from effective_sparsity.errors import DamagedFileError, UserError
from effective_sparsity.study.job import job_log


@pytest.fixture(autouse=True)
def logging_as_before():
    root, ours = logging.getLogger(), logging.getLogger("effective_sparsity")
    before = root.handlers[:], root.level, ours.level, logging.raiseExceptions
    yield
    root.handlers[:], root.level, ours.level, logging.raiseExceptions = before


def ended(log, error: Exception) -> str:
    """What a job that raises `error` says."""
    with pytest.raises(SystemExit) as end, job_log(log):
        raise error
    assert "\n" not in end.value.code
    return end.value.code


def test_our_messages_and_the_warnings_of_others_go_to_the_log(tmp_path):
    with job_log(tmp_path / "folder/log"):
        logging.getLogger("effective_sparsity.training").info("half way")
        logging.getLogger("fontTools").info("glyphs")
        logging.getLogger("fontTools").warning("no font")
    lines = (tmp_path / "folder/log").read_text().splitlines()
    assert [line.split(maxsplit=2)[2] for line in lines] == ["half way", "no font"]


def test_a_user_s_error_is_one_line_on_the_terminal_and_in_the_log(tmp_path):
    assert ended(tmp_path / "log", UserError("seeds: none")) == "Error: seeds: none"
    assert (tmp_path / "log").read_text() == "seeds: none\n"


def test_any_other_error_leaves_its_traceback_in_the_log(tmp_path):
    with pytest.raises(ZeroDivisionError), job_log(tmp_path / "log"):
        1 / 0  # noqa: B018
    assert "Traceback" in (tmp_path / "log").read_text()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SystemExit) as end, job_log(tmp_path / "log"):
        (tmp_path / "missing").read_bytes()
    assert end.value.code.startswith(f"Error: {tmp_path}/missing: No such file or directory; ")


def test_a_damaged_file_is_set_aside(tmp_path):
    path = tmp_path / "ranking"
    path.write_text("rubbish")
    line = ended(tmp_path / "log", DamagedFileError(path, "two\nlines"))
    found, cure = f"Error: {path}: damaged or foreign file (two lines); ", "renamed to ranking.damaged; "
    assert line == f"{found}{cure}run the same command again to rebuild it"
    assert not path.exists()
    assert (tmp_path / "ranking.damaged").read_text() == "rubbish"


def test_a_damaged_file_that_is_gone_already_is_no_further_error(tmp_path):
    """Two jobs that read it at the same time both want to set it aside."""
    line = ended(tmp_path / "log", DamagedFileError(tmp_path / "ranking", "why"))
    assert line.endswith("ranking: damaged or foreign file (why); delete it and run the same command again")


def test_a_log_that_cannot_be_opened_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as end, job_log(tmp_path / "file/log"):
        raise AssertionError("not reached")
    assert "Error: " in end.value.code
    assert "\n" not in end.value.code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_does_not_hide_why_a_job_ends():
    line = ended("/dev/full", UserError("seeds: none"))
    assert line == "Error: seeds: none"
    with pytest.raises(SystemExit) as end, job_log("/dev/full"):
        logging.getLogger("anything").info("half way")
        with Path("/dev/full").open("w", buffering=1) as file:
            file.write("x\n")
    assert end.value.code.startswith("Error: No space left on device; ")
