"""What every job of the workflow does around its work."""

import contextlib
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from effective_sparsity.errors import DamagedFileError, UserError


@contextlib.contextmanager
def job_log(path: str) -> Iterator[None]:
    """Send messages, and warnings of libraries, to the log file `path`; there an error ends the process.

    An error that the user can fix is one line, in the log and on stderr; any other leaves its traceback in
    the log. A file that turns out to be damaged is renamed, so that the next run rebuilds it.
    """
    # On a full disk the log fails first, which must not hide why the job ends.
    logging.raiseExceptions = False
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        log = Path(path).open("w", buffering=1)  # noqa: SIM115 - closed where that may fail
    except OSError as error:
        sys.exit(f"Error: {_in_one_line(error)}")
    logging.basicConfig(stream=log, level=logging.WARNING, format="%(asctime)s %(message)s", force=True)
    logging.getLogger("effective_sparsity").setLevel(logging.INFO)
    try:
        yield
    except Exception as error:
        line = _in_one_line(error)
        with contextlib.suppress(OSError):
            log.write(f"{line or traceback.format_exc()}\n")
        if line:
            sys.exit(f"Error: {line}")
        raise
    finally:
        with contextlib.suppress(OSError):
            log.close()


def _in_one_line(error: Exception) -> str | None:
    """What is wrong and what to do; None if the user cannot fix it."""
    if isinstance(error, DamagedFileError):
        return _set_aside(error)
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        return f"{what}; fix that and run the same command again; finished work is kept"
    return None


def _set_aside(error: DamagedFileError) -> str:
    """Rename the file, so that the job that made it makes it again."""
    aside = error.path.with_name(f"{error.path.name}.damaged")
    try:
        error.path.replace(aside)
    except OSError:
        return str(error)
    return f"{error.finding}; renamed to {aside.name}; {error.remake} to rebuild it"
