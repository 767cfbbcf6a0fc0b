"""The rankings of a study: which are stored, and how the others are made again (no torch).

Scores that take gradients or the data set are worth storing. All others take seconds for the largest network,
and follow from the seed, from the trained weights, or from the stored ranking of another pruner.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.pruners import PRUNERS, Inputs
from effective_sparsity.pruning.ranking import Priorities, Ranking
from effective_sparsity.pruning.ranking_file import ONE_SHOT, RankingFile
from effective_sparsity.storage import TensorFile
from effective_sparsity.training.result import load_trained

Files = Mapping[str, Path | str]


def inputs_of(pruner: str, architecture: str, seed: int, files: Files) -> Inputs:
    """What a pruner looks at, as far as it lies in files of the study; no data set.

    Args:
        pruner, architecture: names.
        seed: the seed of the replicate.
        files: `initial`, the initial weights; `dense`, the trained network, and `connectivity`, if the pruner
            needs them.
    """
    initial = TensorFile(files["initial"])
    inputs = Inputs(
        network=NETWORKS[architecture].with_classes(initial.metadata["classes"]),
        initial=initial.tensors(),
        prunable=tuple(initial.metadata["prunable"]),
        seed=seed,
    )
    if PRUNERS[pruner].needs_trained:
        state = load_trained(files["dense"]).state
        inputs = replace(inputs, trained={name: state[name] for name in inputs.prunable})
    if PRUNERS[pruner].needs_connectivity:
        inputs = replace(inputs, connectivity=Connectivity.load(files["connectivity"]))
    return inputs


class Rankings:
    """The rankings of a pruner for one network, by level.

    Args:
        pruner, architecture, seed: as for `inputs_of`.
        files: `connectivity` and, of a pruner that is `costly`, its ranking file by its name; else `initial`,
            `dense` if it needs it, and the ranking file of the pruner from which it borrows by its name.

    Attributes:
        connectivity: that of the network.
    """

    def __init__(self, pruner: str, architecture: str, seed: int, files: Files):
        self._pruner = PRUNERS[pruner]
        self.connectivity = Connectivity.load(files["connectivity"])
        self._stored = RankingFile(files[pruner]) if self._pruner.costly else None
        self._lender = RankingFile(files[self._pruner.borrows]) if self._pruner.borrows else None
        self._latest: dict[str, Ranking] = {}
        self._inputs = None if self._stored else inputs_of(pruner, architecture, seed, files)

    def distinct(self, levels: Iterable[str]) -> list[str]:
        """Those of the levels that have a ranking each: all, or `ONE_SHOT` alone if one serves them all."""
        return list(levels) if self._pruner.iterative else [ONE_SHOT]

    def __getitem__(self, level: str) -> Ranking:
        """The ranking of a level, or the one that serves all levels."""
        level = level if self._pruner.iterative else ONE_SHOT
        if level not in self._latest:
            self._latest.clear()  # one at a time: a ranking of a large network is large
            self._latest[level] = self._priorities(level).ranking(self.connectivity)
        return self._latest[level]

    def over_live_inputs(self, level: str, live_inputs: np.ndarray) -> Ranking:
        """The ranking of a level, with the effective priorities over live inputs alone.

        Args:
            live_inputs: boolean, of the shape of the network's input.
        """
        ranking = self[level]
        priorities = Priorities(ranking.priority, ranking.floor, ranking.ceiling)
        return priorities.ranking(self.connectivity, live_inputs)

    def _priorities(self, level: str) -> Priorities:
        if self._stored:
            return self._stored[level]
        assert self._inputs, "what is not stored is made"
        given: dict[str, Any] = {}
        if self._lender:
            given["borrowed"] = self._lender[level]
        if self._pruner.iterative:
            given["compression"] = float(level)
        return self._pruner.priorities(replace(self._inputs, **given))
