"""The packed engine: many subnetworks of a plain network at once on one core, without PyTorch.

The networks see the same batches, so together they are one block-sparse network: its cost grows with the
number of weights and units that the subnetworks have, not with their number times the size of the dense one.

engine           `train_packed`, and the engine that the loop drives
ensemble         subnetworks to arrays and back
arrays, memory   the arrays that kernels work on: types, and the memory of a network at work
kernels          the compiled step and evaluation, linear layers and batch norm
convolutions     the compiled convolutions
updates          the compiled updates of SGD and batch norm
lanes, lane_arithmetic  batches of values in vector registers (see docs/lanes.md)
"""
