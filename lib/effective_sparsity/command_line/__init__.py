"""Parts of the command line (`effective_sparsity.__main__` has its commands).

* `loading`: models and checkpoints, as they are named on the command line
* `pictures`: the compression curve of a model
"""
