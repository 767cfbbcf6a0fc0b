"""Effective sparsity of any PyTorch model, exact and at all compressions in one pass."""

from effective_sparsity.connectivity.curves import compression_curve
from effective_sparsity.connectivity.network import Connectivity, effective_masks, effective_scores
from effective_sparsity.connectivity.report import sparsity_report

__all__ = ["Connectivity", "compression_curve", "effective_masks", "effective_scores", "sparsity_report"]
