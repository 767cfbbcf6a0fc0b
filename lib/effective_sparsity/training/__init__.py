"""Training of dense networks and subnetworks: recipe, data order, augmentation and two engines.

`masked.train_masked` trains any PyTorch model, `masked.train_stacked` several small ones together;
`packed.train_packed` trains many fully-connected subnetworks at once on a CPU. All follow the same recipe on
the same batches and give the same result.
"""
