"""What every job of the workflow does around its work."""

import contextlib
import errno
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from effective_sparsity.errors import UserError


@contextlib.contextmanager
def job_log(path: str) -> Iterator[None]:
    """Send messages to the log file `path`, and end the process there in case of an error.

    An error that the user can mend is one line, in the log and on stderr; any other leaves its traceback in
    the log. A disk that is too full for the log is no reason to fail, one that is too full for results is.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    log = Path(path).open("w")  # noqa: SIM115 (closing it may fail)
    logging.basicConfig(stream=log, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    try:
        yield
    except UserError as error:
        _write(log, f"{error}\n")
        sys.exit(f"Error: {error}")
    except Exception as error:
        _write(log, traceback.format_exc())
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            sys.exit(
                f"Error: {error.strerror}: make room and run again; what was trained is not trained again"
            )
        raise
    finally:
        with contextlib.suppress(OSError):
            log.close()


def _write(log, text):
    with contextlib.suppress(OSError):
        log.write(text)
