"""Effective sparsity of any PyTorch model, exact and at all compressions in one pass.

What users call:

* `network`: `Connectivity`, `effective_scores` and `effective_masks`
* `report`, `curves`: tables of layers and of compressions
* `tensors`, `vectors`: scores, masks and live inputs as they are given, and as one vector
* `signature`: the names and shapes of a model's parameters, inputs and outputs

From a model to its graph, with PyTorch:

* `tracing`: runs the model once and follows every ATen operation on its inputs and its parameters
* `models`, `quantised`, `inputs`: models and example inputs as people have them
* `calls`: the values of such a run, its calls of operations and the graph so far
* `rules/`: what each operation means for paths
* `parameters`: which parameter the elements of a weight come from

The graph and the paths through it, with NumPy alone:

* `graph`: the steps of a network, and the passes that find the widest paths, and count paths
* `operators`, `weighted`: how these pass through operations without and with a weight
* `views`, `windows`: elements that stand elsewhere in memory, and sliding windows
* `semiring` (`kernels`): what is taken along and across paths
* `repeats`: equal columns of a product, which are computed once
* `orders`: scores of any dtype as integers in the same order
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
