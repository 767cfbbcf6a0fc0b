"""A job that fails says why, in one line if the user can mend it; a full disk fails no more than it must."""

import errno
import logging

import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.study.job import job_log


@pytest.fixture(autouse=True)
def _logging_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_messages_go_to_the_log(tmp_path):
    with job_log(str(tmp_path / "logs" / "job.log")):
        logging.getLogger("a").info("half way")
    assert (tmp_path / "logs" / "job.log").read_text().endswith("half way\n")


def test_an_error_of_the_user_is_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"^Error: seeds: none$"), job_log(str(tmp_path / "log")):
        raise UserError("seeds: none")
    assert (tmp_path / "log").read_text() == "seeds: none\n"


def test_another_error_leaves_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError), job_log(str(tmp_path / "log")):
        _ = 1 / 0
    assert "Traceback" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line(tmp_path, number):
    with pytest.raises(SystemExit, match="make room and run again"), job_log(str(tmp_path / "log")):
        raise OSError(number, "No space left on device")
    assert "Traceback" in (tmp_path / "log").read_text()


def test_another_failure_to_read_or_write_is_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(FileNotFoundError), job_log(str(tmp_path / "log")):
        (tmp_path / "missing").read_text()


def test_a_log_that_cannot_be_written_fails_no_job():
    """/dev/full takes nothing, as a full disk does."""
    done = False
    with job_log("/dev/full"):
        logging.getLogger("a").info("half way")
        done = True
    assert done


def test_a_log_that_cannot_be_written_hides_no_error():
    with pytest.raises(SystemExit, match=r"^Error: seeds: none$"), job_log("/dev/full"):
        raise UserError("seeds: none")
