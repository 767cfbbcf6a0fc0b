"""Progress of a training run: a bar on a terminal, lines in the log."""

import logging
import time
from datetime import timedelta

from tqdm import tqdm

_log = logging.getLogger(__name__)


class Progress:
    """A context manager that shows a bar on a terminal, and logs a line whenever `report` is called.

    Args:
        done: Steps done before this process began.
        total: Number of steps in all.
    """

    def __init__(self, done: int, total: int):
        self.first, self.total = done, total
        self.start = time.monotonic()
        if done:
            _log.info("resumes after step %d of %d", done, total)
        self.bar = tqdm(initial=done, total=total, unit=" steps", disable=None)  # None: only on a terminal

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def advance(self) -> None:
        """One more step is done."""
        self.bar.update()

    def report(self, step: int, test_accuracy: float) -> None:
        """Log the speed, the time to the end, and an accuracy (0 to 1)."""
        rate = (step - self.first) / (time.monotonic() - self.start)
        left = timedelta(seconds=round((self.total - step) / rate))
        speed = f"{rate:.0f} steps/s" if rate >= 10 else f"{rate:.2g} steps/s"
        if rate < 1:
            speed = f"{1 / rate:.2g} s/step" if rate > 0.01 else f"{1 / rate:.0f} s/step"
        _log.info(
            "step %d of %d, test accuracy %.2f %%, %s, %s left",
            step, self.total, 100 * test_accuracy, speed, left,
        )  # fmt: skip
