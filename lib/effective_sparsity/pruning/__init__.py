"""Pruners as rankings of weights, and the subnetworks that follow (no torch until gradients are needed).

From a pruner to its subnetworks:

- `pruners`: the pruners by name; each scores all weights. A new one goes here.
- `orders`, `allocations`: orders inside a layer, and layerwise quotas as scores;
- `magnitude`, `saliencies`, `iterative`: scores of trained weights, scores from gradients, pruning in steps;
- `force`, `ntk_sap`, `px`, `phew`, `prospr`, `npb`, `imp`: pruners since 2021, each with its paper;
- `gradients`, `models`: the loss on training samples, and models as pruners change them;
- `controls`: questions about other pruners, asked of pixels;
- `ranking`, `rank`: scores as one order of all weights, with direct and effective thresholds;
- `ranking_file`, `rankings`: rankings on disk; those of a study, stored or made again;
- `subnetworks`: what is left at a compression, by layer.

`mean_field` predicts effective sparsity without drawing a mask; `toy_network` prunes one small enough to
draw.
"""
