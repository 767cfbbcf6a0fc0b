"""Figures of the study, one function each, from its tables alone."""

from effective_sparsity.figures.registry import FIGURES, Entry
from effective_sparsity.figures.save import save

__all__ = ["FIGURES", "Entry", "save"]
