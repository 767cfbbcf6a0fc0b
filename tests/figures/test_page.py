import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from effective_sparsity.figures.page import accuracy_axis, draw_page, entry, log_axes, log_limits
from effective_sparsity.figures.seeds import dodge, note_on_means, note_on_medians

ANY = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.one_of(st.floats(1e-9, 1e12), ANY.filter(lambda x: not 0 < x < math.inf))))
def test_limits_hold_all_that_a_logarithmic_axis_can_show_and_a_power_of_ten(values):
    low, high = log_limits(values)
    assert 0 < low < high < math.inf
    assert all(low <= value <= high for value in values if 0 < value < math.inf)
    assert math.floor(math.log10(high) + 1e-9) >= math.ceil(math.log10(low) - 1e-9)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([10, 100_000], ["10", "100", "1k", "10k", "100k"]),
        ([100, 1000], ["100", "200", "500", "1k"]),
        ([0.02], ["0.01", "0.02", "0.05"]),
    ],
)
def test_numbers_of_a_logarithmic_axis_are_short(values, labels):
    axes = Figure(figsize=(4, 3)).subplots()
    log_axes(axes, x=log_limits(values))
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert [axes.xaxis.get_major_formatter()(tick) for tick in ticks] == labels


@given(st.lists(st.floats(0, 1), min_size=1))
def test_an_axis_of_accuracies_has_two_numbers_at_least(accuracies):
    axes = Figure().subplots()
    accuracy_axis(axes, accuracies)
    low, high = axes.get_ylim()
    assert 0 < low < high < 1
    assert all(low <= np.clip(accuracy, 1e-3, 0.999) <= high for accuracy in accuracies)
    assert sum(low <= tick <= high for tick in axes.get_yticks()) >= 2


def test_each_network_has_a_row_with_its_legend():
    data = pd.DataFrame({"architecture": ["lenet-5", "lenet-300-100"], "dataset": "mnist", "value": [1, 2]})
    rows = []

    def draw(part, of_row):
        part.subplots()
        rows.append(of_row.value.tolist())
        return [entry("a line")]

    figure = draw_page(data, draw, "a note")
    assert rows == [[2], [1]]
    assert [part.get_suptitle() for part in figure.subfigs] == ["LeNet-300-100 on MNIST", "LeNet-5 on MNIST"]
    assert [text.get_text() for part in figure.subfigs for text in part.legends[0].get_texts()] == [
        "a line"
    ] * 2


def test_a_page_without_data_has_a_heading_alone():
    def never(part, of_row):
        raise AssertionError

    figure = draw_page(pd.DataFrame(columns=["architecture", "dataset"]), never, "a note", empty="Nothing")
    assert not figure.axes
    assert [part.get_suptitle() for part in figure.subfigs] == ["Nothing"]


def test_pruners_stand_side_by_side_within_a_level():
    factors = dodge(pd.Series([100.0, 200.0, 800.0]), list("abcde"), width=0.5)
    assert factors["c"] == pytest.approx(1)
    assert factors["e"] / factors["a"] == pytest.approx(2 ** (0.5 * 4 / 5))
    assert dodge(pd.Series([100.0]), ["a"], width=0.5) == pytest.approx({"a": 1})


@pytest.mark.parametrize(
    ("counts", "means", "medians"),
    [
        ([], "no data.", "no data."),
        ([1, 1], "1 seed.", "1 seed."),
        ([3], "Mean over 3 seeds; dots: each seed.", "Median over 3 seeds, bars from minimum to maximum."),
        (
            [1, 40],
            "Mean over 1 to 40 seeds; dots: each seed; bars: 95 % t interval of the mean, from 5 seeds on.",
            "Median over 1 to 40 seeds, bars from minimum to maximum.",
        ),
        (
            [41],
            "Mean over 41 seeds; bars: 95 % t interval of the mean, from 5 seeds on.",
            "Median over 41 seeds, bars from minimum to maximum.",
        ),
    ],
)
def test_notes_say_what_is_drawn(counts, means, medians):
    data = pd.DataFrame({"seeds": counts}, dtype=float)
    assert note_on_means(data) == means
    assert note_on_medians(data, "bars") == medians
