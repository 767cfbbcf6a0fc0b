"""What controls of the choice of pixels explain of SNIP's lead."""

import itertools

import numpy as np
import pandas as pd
import pytest

from effective_sparsity.figures.pixel_controls import pixel_controls

# Accuracy at 1,000, and how it varies with the seed.
ACCURACIES = {"snip": (0.8, 0.01), "random-igq": (0.5, 0.02), "random-igq-snip-pixels": (0.65, 0.0)}


@pytest.fixture
def with_controls() -> pd.DataFrame:
    """One network at two levels, four seeds; `random-igq-snip-pixels` closes half of the gap on average."""
    return pd.DataFrame(
        {"architecture": "lenet-300-100", "dataset": "mnist", "reduced": "", "pruner": pruner}
        | {"criterion": "effective", "seed": seed, "target_compression": level}
        | {"test_accuracy": mean + spread * (seed - 1.5)}
        for (pruner, (mean, spread)), seed, level in itertools.product(
            ACCURACIES.items(), range(4), (100.0, 1000.0)
        )
    )


def test_the_share_is_that_of_the_mean_gap(with_controls):
    figure, data = pixel_controls({"subnetworks": with_controls})
    shares = data[data.quantity == "share_of_gap"]
    assert set(shares.pruner) == {"random-igq-snip-pixels"}
    # Mean of the pseudo-values of a ratio of means: near the ratio itself, which is 0.15 / 0.3.
    assert shares.value.tolist() == pytest.approx([0.5, 0.5], abs=0.01)
    assert (shares.low < 0.5).all()
    assert (shares.high > 0.5).all()
    assert len(figure.axes) == 2


def test_only_seeds_that_have_all_three_count(with_controls):
    rows = with_controls[~((with_controls.pruner == "snip") & (with_controls.seed == 3))]
    _, data = pixel_controls({"subnetworks": rows})
    assert set(data[data.quantity == "share_of_gap"].seeds) == {3}


def test_a_study_without_controls_has_an_empty_figure(with_controls):
    rows = with_controls[with_controls.pruner != "random-igq-snip-pixels"]
    figure, data = pixel_controls({"subnetworks": rows})
    assert data.empty
    assert np.all([axes.get_title() for axes in figure.axes])
