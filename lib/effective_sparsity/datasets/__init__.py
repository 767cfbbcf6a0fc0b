"""Data sets: fetched and verified once, then stored as tensors that load in a second.

``prepare`` makes the file of a data set, ``load`` reads it. Importing this package does not import torch.

- `registry`: the published data sets by name, and `prepare`; a new one goes here;
- `fetch`: files from mirrors, by their checksums; `archive`, `images`: what is in them;
- `mnist`, `cifar`, `tiny_imagenet`, `image_folder`: from files to images and labels;
- `store`: a data set in memory and on disk.
"""

from effective_sparsity.datasets.registry import SOURCES, prepare
from effective_sparsity.datasets.store import Dataset, load, save

__all__ = ["SOURCES", "Dataset", "load", "prepare", "save"]
