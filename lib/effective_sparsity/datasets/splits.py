"""What a reader of a data set returns."""

from typing import NamedTuple

import numpy as np


class Splits(NamedTuple):
    """Images uint8 (N, C, H, W) and labels int64 (N,), as in store.Dataset."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
