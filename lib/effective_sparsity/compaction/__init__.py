"""Smaller networks from pruned ones, without loss."""

from effective_sparsity.compaction.compacting import Compaction, compact, compaction

__all__ = ["Compaction", "compact", "compaction"]
