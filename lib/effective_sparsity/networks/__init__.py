"""The networks of the study.

registry        the table of networks, each with its training recipe: start here to add one
recipe          stochastic gradient descent with a stepwise learning rate, as a study sets it
layers          plain networks as data: convolutions and linear layers in a row (the LeNets)
sequential      the PyTorch model of such layers
vgg, resnet_18  the networks that are PyTorch modules of their own
initialisation  initial weights that follow from the seed
prunable        which parameters are pruned and counted
state           models to named arrays and back
types           what named arrays are called: `State`, `Masks`
"""
