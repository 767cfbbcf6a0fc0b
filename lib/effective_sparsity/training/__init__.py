"""Training of dense networks and subnetworks.

Start with `loop`: it owns steps, history, evaluation, divergence, progress and checkpoints, and drives an
engine, which does the arithmetic. A network, its masks and a `Run` go in, a `Trained` comes out:

    run = Run(dataset=dataset, recipe=network.recipe, seed=0)
    trained = train_masked(model, masks, run)                          # any PyTorch model
    results = train_packed(network.layers, initial, subnetworks, run)  # many plain networks at once, on a CPU

what to train     run            data, recipe, seed, execution and work file of a run
                  execution      device, precision and other options of the masked engine
the loop          loop           the loop, and the protocol that engines follow
                  batches        the order of the samples
                  augmentation, augmentation_torch  random transformations, on a CPU and on any device
                  checkpoint     training state on disk
                  progress       a bar and lines in the log
the engines       engines        which there are, what each can do, and the choice between them
                  masked         the masked engine: PyTorch, weights held at zero
                  device         PyTorch's switches for the masked engine
                  packed/        the packed engine: sparse kernels of numba
what comes out    result         trained networks, in memory and on disk
                  hardware       the names of processors
                  evaluation     evaluation of stored networks
"""
