"""ProsPr against training and training again."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from torch import nn

from effective_sparsity.networks.prunable import kernels
from effective_sparsity.pruning import prospr
from effective_sparsity.pruning.pruners import Inputs


class InDoublePrecision(Inputs):
    """Inputs whose model computes in double precision."""

    def model(self):
        return super().model().double()


@pytest.mark.parametrize("network", ["inputs", "convolutional_inputs"])
def test_scores_are_how_the_loss_after_training_changes_with_a_gate(network, request, monkeypatch):
    """Finite differences of PyTorch's own optimiser."""
    given = request.getfixturevalue(network)
    inputs = InDoublePrecision(**{field.name: getattr(given, field.name) for field in fields(given)})
    seen, real = [], prospr.batches

    def recorded(*arguments):
        for images, labels in real(*arguments):
            seen.append((images.double(), labels))
            yield seen[-1]

    monkeypatch.setattr(prospr, "batches", recorded)
    scores = prospr.prospr(inputs)
    assert [len(labels) for _, labels in seen] == [128] * 4

    def loss_with(name, index, gate):
        model = inputs.model().train()
        with torch.no_grad():
            kernels(model)[name][index] *= gate
        optimiser = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
        for images, labels in seen[:3]:
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimiser.step()
        images, labels = seen[3]
        return nn.functional.cross_entropy(model(images), labels).item()

    # SGD moves c w, which a gate scales at the start alone.
    for name, score in scores.items():
        for place in np.argsort(score.ravel())[-1:]:
            index = tuple(map(int, np.unravel_index(place, score.shape)))
            # So close that no relu switches on or off in between.
            slope = (loss_with(name, index, 1 + 1e-8) - loss_with(name, index, 1 - 1e-8)) / 2e-8
            assert score[index] == pytest.approx(abs(slope), rel=1e-3)
