"""How far a training run is, for who waits for it."""

import logging
import time
from datetime import timedelta

from tqdm import tqdm

log = logging.getLogger(__name__)


class Progress:
    """A bar on a terminal, and a line in the log whenever `report` is called.

    Args:
        done: Steps done before this process began.
        total: Steps in all.
    """

    def __init__(self, done: int, total: int):
        self.first, self.total = done, total
        self.start = time.monotonic()
        if done:
            log.info("goes on after step %d of %d", done, total)
        self.bar = tqdm(initial=done, total=total, unit=" steps", disable=None)  # None: only on a terminal

    def advance(self) -> None:
        """One more step is done."""
        self.bar.update()

    def report(self, step: int, test_accuracy: float) -> None:
        """Log the speed, the time to the end, and an accuracy (0 to 1)."""
        rate = (step - self.first) / (time.monotonic() - self.start)
        left = timedelta(seconds=round((self.total - step) / rate))
        log.info(
            "step %d of %d, test accuracy %.2f %%, %.0f steps/s, %s left",
            step, self.total, 100 * test_accuracy, rate, left,
        )  # fmt: skip

    def close(self) -> None:
        """Training has ended."""
        self.bar.close()
