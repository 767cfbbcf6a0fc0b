"""What every job of the workflow does around its work."""

import contextlib
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
    the log.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("w") as log:
        logging.basicConfig(stream=log, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
        try:
            yield
        except UserError as error:
            log.write(f"{error}\n")
            sys.exit(f"Error: {error}")
        except Exception:
            traceback.print_exc(file=log)
            raise
