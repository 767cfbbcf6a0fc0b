"""The types of named arrays (no torch: the workflow reads this)."""

from collections.abc import Mapping

import numpy as np

# Every parameter and buffer of a network by its name in PyTorch's `state_dict`.
State = dict[str, np.ndarray]
# Boolean mask (True = kept) of kernels by parameter name, each of its kernel's shape.
Masks = Mapping[str, np.ndarray]
