from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from effective_sparsity.figures.accuracy import AT_INITIALISATION
from effective_sparsity.figures.style import (
    CONTROLS,
    MAGNITUDE_QUOTAS,
    PRUNERS,
    RANDOM_QUOTAS,
    SALIENCIES,
    SINCE_2021,
    by_family,
    in_order,
    look,
    panel_title,
    plain_number,
)
from effective_sparsity.pruning.pruners import PRUNERS as OF_THE_STUDY

PANELS = [
    RANDOM_QUOTAS,
    MAGNITUDE_QUOTAS,
    SALIENCIES,
    AT_INITIALISATION,
    SINCE_2021,
    ("snip", "random-igq", *CONTROLS),
]

# Machado, Oliveira & Fernandes 2009, table 1, severity 1.0: linear RGB as seen without one kind of cone.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def cielab(color: str, vision) -> np.ndarray:
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.asarray(vision) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = to_xyz @ linear / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("pruners", PANELS)
def test_colours_in_a_panel_can_be_told_apart(pruners, vision):
    for one, other in combinations(pruners, 2):
        colours = (cielab(look(pruner).color, VISIONS[vision]) for pruner in (one, other))
        assert np.linalg.norm(np.subtract(*colours)) > 20, (one, other)


def test_no_two_pruners_in_a_panel_share_a_marker():
    for pruners in PANELS:
        assert len({look(pruner).marker for pruner in pruners}) == len(pruners)


def test_every_pruner_has_a_look_of_its_own():
    looks = [(look(p).color, look(p).marker, look(p).face) for p in PRUNERS]
    assert len(set(looks)) == len(PRUNERS)
    assert set(PRUNERS) == OF_THE_STUDY.keys()


@pytest.mark.parametrize(
    ("pruner", "label"),
    [
        ("random-igq", "Random, IGQ quotas"),
        ("random-uniform-plus", "Random, uniform+ quotas"),
        ("random-synflow", "Random, SynFlow quotas"),
        ("magnitude-global", "Magnitude, global"),
        ("lamp", "LAMP"),
        ("snip-iterative", "SNIP-iterative"),
        ("random-igq-snip-pixels", "Random, IGQ on SNIP's pixels"),
        ("snip-permuted-own-pixels", "SNIP, own pixels permuted"),
        ("my-pruner", "my-pruner"),
    ],
)
def test_pruners_have_human_names(pruner, label):
    assert look(pruner).label == label


def test_pruners_come_in_the_order_of_the_study_and_unknown_ones_last():
    assert in_order(["zzz", "snip", "aaa", "lamp", "random-igq", "lamp"]) == [
        "random-igq",
        "lamp",
        "snip",
        "aaa",
        "zzz",
    ]
    assert by_family(["zzz", "snip"]) == {"Saliency pruning": ["snip"], "Other pruners": ["zzz"]}


@pytest.mark.parametrize(("value", "text"), [(10, "10"), (1000, "1,000"), (0.01, "0.01"), (46.415888, "46")])
def test_numbers_on_axes_are_plain(value, text):
    assert plain_number(value) == text


def test_names_of_networks_and_data_are_human_where_known():
    assert panel_title("vgg-16", "cifar10") == "VGG-16 on CIFAR-10"
    assert panel_title("mine", "mnist-5k") == "mine on mnist-5k"
