"""NPB: node-path balancing, a mask for each density that trades live units for paths."""

import numpy as np
import torch
from torch import nn

from effective_sparsity.connectivity.curves import n_at_compression
from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning import allocations
from effective_sparsity.pruning.models import without_batch_norm
from effective_sparsity.pruning.orders import Layers, by_score
from effective_sparsity.pruning.pruners import Inputs
from effective_sparsity.pruning.ranking import Priorities

# How much nodes count against paths, and kernels in use: those of the authors' script for CIFAR-10.
ALPHA = 0.01
BETA = 1.0

# Names the random stream of equally good choices among all that start from a study's seed.
_CHOICES = 9


def npb(inputs: Inputs) -> Layers:
    """Layers that balance nodes and paths, with Erdos-Renyi-kernel quotas (Pham et al. 2023).

    Layer by layer from the input, the n weights of a layer's quota are the first of its `balanced_order`. The
    same order goes on beyond n, where an effective compression needs more weights than the direct one.
    """
    quotas = _quotas(inputs)
    random = np.random.default_rng([inputs.seed, _CHOICES])
    model = without_batch_norm(inputs.model()).double()
    ranks = {}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        for weight in kernels(model).values():
            weight.fill_(1)
        for name, weight in kernels(model).items():
            paths = _paths_into(model, name, inputs.architecture.input_shape)
            ranks[name] = balanced_order(weight.shape, paths, quotas[name], random)
            weight.copy_(torch.from_numpy(ranks[name] <= quotas[name]))
    return allocations.erk(ranks)


def balanced_order(
    shape: tuple[int, ...], paths: np.ndarray, n: int, random: np.random.Generator
) -> np.ndarray:
    """Ranks of a layer's weights, 1 first, whose first n weights are the best n of the layer.

    They maximise, as in the authors' implementation,

        alpha (I + O) / (number of inputs and outputs) + (1 - alpha) P / P_max + beta K / n

    with I and O the inputs and outputs that have a weight, P the sum of the paths that arrive at the weights,
    P_max the largest P of n weights, and K the kernels that have a weight. The authors leave this to a solver
    of integer programs. But the value is a sum of what each weight adds: paths by its input, more if it is
    the first of its kernel, and more still if that is the first of its input. Later weights of an input never
    add more than earlier ones. And outputs cost nothing: as many kernels as there are outputs can each go to
    another one. So taking the weight that adds most, again and again, is optimal; equal ones are taken at
    random.

    Args:
        shape: (outputs, inputs, kernel...).
        paths: (inputs,), the paths that arrive at each input.
    """
    outputs, inputs, size = shape[0], shape[1], int(np.prod(shape[2:]))
    by_paths = (1 - ALPHA) * paths / (_most_paths(paths, outputs * size, n) or 1)
    first_of_kernel = np.repeat((by_paths + BETA / max(n, 1))[:, None], outputs, axis=1)
    first_of_kernel[:, 0] += ALPHA / (inputs + outputs)
    # The kernels of an input are opened in the order of this axis; which output each has is decided after.
    chance = np.sort(random.random((inputs, outputs)), axis=1)
    opened = np.lexsort((chance.ravel(), -first_of_kernel.ravel()))[:outputs] // outputs
    preference = random.random((inputs, outputs))
    preference[opened, random.permutation(outputs)] = np.arange(outputs) - outputs
    output_of = np.argsort(preference, axis=1)

    first = output_of, np.arange(inputs)[:, None], random.integers(size, size=(inputs, outputs))
    gain = np.tile(by_paths[:, None], (outputs, 1, size))
    gain[first] = first_of_kernel
    later = np.ones(gain.shape, bool)
    later[first] = False
    ties = random.random(gain.shape)
    ties[first] = chance
    ranks = np.empty(gain.size, np.int32)
    ranks[np.lexsort((ties.ravel(), later.ravel(), -gain.ravel()))] = np.arange(1, gain.size + 1)
    return ranks.reshape(shape)


def _most_paths(paths: np.ndarray, capacity: int, n: int) -> float:
    """The largest sum of paths over n weights, if each input has as many as `capacity`."""
    n_full, n_rest = divmod(n, capacity)
    falling = np.sort(paths)[::-1]
    return capacity * falling[:n_full].sum() + n_rest * falling[n_full : n_full + 1].sum()


def _paths_into(model: nn.Module, layer: str, input_shape: tuple[int, int, int]) -> np.ndarray:
    """The paths that arrive at each input of a layer, (inputs,), in a model whose weights are 0 or 1.

    Pooling passes on what it passes of numbers: averages, or the largest.
    """
    arriving = []

    def record(module, arguments):
        arriving.append(arguments[0][0].detach())

    hook = model.get_submodule(layer.rpartition(".")[0]).register_forward_pre_hook(record)
    model(torch.ones(1, *input_shape, dtype=torch.float64))
    hook.remove()
    return arriving[0].flatten(1).sum(1).numpy() if arriving[0].ndim > 1 else arriving[0].numpy()


def _quotas(inputs: Inputs) -> dict[str, int]:
    """Weights of each layer in Erdos-Renyi-kernel pruning to the target."""
    order = Priorities.of(allocations.erk(by_score(inputs.weights))).layers
    n_pruned = inputs.n_weights - n_at_compression(inputs.n_weights, inputs.compression)
    return {name: int((priority > n_pruned).sum()) for name, priority in order.items()}
