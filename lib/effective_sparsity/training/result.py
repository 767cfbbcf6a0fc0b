"""What training a network gives."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

HISTORY_COLUMNS = ["step", "train_loss", "test_loss", "test_accuracy"]


@dataclass
class Trained:
    """A trained network.

    Args:
        state: Every parameter and buffer of the network by its name in `state_dict`; pruned weights are 0.
        history: One row per evaluation, with the columns `HISTORY_COLUMNS`: updates done, mean training
            loss since the previous row, loss and accuracy (0 to 1) on the test set with running statistics.
        status: "ok", or "diverged" if the training loss was not finite; training stops there.
        steps: Updates done: those of the recipe, or fewer after divergence.
    """

    state: dict[str, np.ndarray]
    history: pd.DataFrame
    status: str
    steps: int

    @property
    def test_accuracy(self) -> float:
        """Accuracy at the end of training; NaN after divergence."""
        return self._last("test_accuracy")

    @property
    def test_loss(self) -> float:
        """Loss on the test set at the end of training; NaN after divergence."""
        return self._last("test_loss")

    def _last(self, column: str) -> float:
        return float(self.history[column].iloc[-1]) if self.status == "ok" else float("nan")


def history_table(rows: np.ndarray) -> pd.DataFrame:
    """History with its columns from evaluations as rows, shape (n, 4) in the order of `HISTORY_COLUMNS`."""
    return pd.DataFrame(np.reshape(rows, (-1, 4)), columns=HISTORY_COLUMNS).astype({"step": "int64"})
