"""Smaller networks from pruned ones, without loss.

**What is cut.** A unit (feature, channel) is kept if any position of it is live: it changes with the input
and an output depends on it. Both are decided position by position on the traced graph of `connectivity`,
with norms and softmax counted as the mixing operations that they are (`recording`, `dependence`). A unit
that does not change is a constant, and its value is what the traced run computed there; it is folded into
what it feeds, through whatever batch norm, activation or pool lies between (`constants`). A unit that no
output depends on goes without a trace.

**Which units hang together.** Operations tie units: sums, concatenations, flattening, groups, shared
weights. Units form classes (`classes`), which are followed through the twelve kinds of operators of our
graph (`units`, `movements`); a class goes when all its members can (`plan`). Where an operation needs a
unit for another reason it is fixed, and the reason reported.

**Why our own graph**, and a copy of the model with narrower layers:

- The dependency graph of torch_pruning ties dimensions, but knows layers, not positions or values:
  constants, padding and taps that meet no live pixel are outside of it, and a model's hard-coded sizes
  break its result.
- torch.fx needs traceable Python, and sees its surface: hundreds of functions and methods whose effect on a
  dimension each need a rule. torch.export gives ATen, needs seconds and fixes batch size or control flow.
- Our graph is there, reads any model that runs, holds what each operation does to every element, and has
  twelve kinds of operators. What it lacks is a way back to code. But none is needed: a copy of the model
  keeps its forward(), its hierarchy and the names of its parameters (`narrowing`).

**Why it cannot go wrong unnoticed.** A forward() may compute with widths. So the narrow copy is traced
again, and its operations must be, one by one, those of the model restricted to the units that are kept
(`correspondence`). Where one is not, such as ``view(-1, 400)``, the units that it meets are kept and the
rest is tried again; if that does not help, the operation is named in an error. At last both networks run on
random inputs in float64 (`verification`).
"""

from effective_sparsity.compaction.compacting import Compaction, compact, compaction
from effective_sparsity.compaction.onnx import save_onnx
from effective_sparsity.compaction.sparse_file import load_sparse, save_sparse

__all__ = ["Compaction", "compact", "compaction", "load_sparse", "save_onnx", "save_sparse"]
