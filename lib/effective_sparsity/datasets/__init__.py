"""Data sets: fetched and verified once, then stored as tensors that load in a second.

``prepare`` makes the file of a data set, ``load`` reads it. Importing this package does not import torch.
"""

from effective_sparsity.datasets.registry import SOURCES, prepare
from effective_sparsity.datasets.store import Dataset, load, save

__all__ = ["SOURCES", "Dataset", "load", "prepare", "save"]
