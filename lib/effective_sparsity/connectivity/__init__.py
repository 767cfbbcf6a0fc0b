"""Effective sparsity of any PyTorch model, exact and at all compressions in one pass.

What users call:

* `network`: `Connectivity`, `effective_scores` and `effective_masks`
* `report` (`table`), `curves`: tables of layers and of compressions
* `tensors`, `vectors`: scores, masks and live inputs as they are given, and as one vector
* `signature`: the names and shapes of a model's parameters, inputs and outputs

From a model to its graph, with PyTorch. A call of an operation goes from top to bottom:

* `tracing`: runs the model once and follows every ATen operation on its inputs and its parameters
* `calls`: such an operation with its arguments
* `rules/`: finds the rule of the operation, which says what it means for paths,
* `draft`: in the few ways that there are, and so appends operators to the graph
* `constants`: which parameter a constant comes from
* `models`, `quantised`, `inputs`: models and example inputs as people have them

The graph and the paths through it, with NumPy alone:

* `graph`: the steps of a network, and the passes that find the widest paths, and count paths
* `operators`, `weighted`: how these pass through operations without and with a weight
* `views`, `windows`: elements that stand elsewhere in memory, and sliding windows
* `semiring`, `orders` (`kernels`): what is taken along and across paths, scores of any dtype among it
* `repeats`: equal columns of a product, which are computed once
* `files`: a graph in a file
"""

from effective_sparsity.connectivity.curves import compression_curve
from effective_sparsity.connectivity.network import Connectivity, effective_masks, effective_scores
from effective_sparsity.connectivity.report import sparsity_report
from effective_sparsity.connectivity.tensors import live_inputs

__all__ = [
    "Connectivity",
    "compression_curve",
    "effective_masks",
    "effective_scores",
    "live_inputs",
    "sparsity_report",
]
