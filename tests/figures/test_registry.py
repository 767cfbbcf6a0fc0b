import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from effective_sparsity.figures.registry import FIGURES, Kind

EVERY_FIGURE = pytest.mark.parametrize("name", FIGURES)
# The toy network is no part of the study.
EVERY_FIGURE_OF_THE_STUDY = pytest.mark.parametrize(
    "name", [name for name in FIGURES if name != "toy_network"]
)
EVERY_FIGURE_OF_ALL_NETWORKS = pytest.mark.parametrize(
    "name", [name for name in FIGURES if name not in ("toy_network", "mean_field")]
)


def one_seed(tables):
    return {name: table[table.seed == 0] if "seed" in table else table for name, table in tables.items()}


def one_pruner(tables):
    return {name: t[t.pruner == "lamp"] if "pruner" in t else t for name, t in tables.items()}


def unknown_pruner(tables):
    return {
        name: t.replace({"pruner": {"lamp": "my-pruner"}}) if "pruner" in t else t
        for name, t in tables.items()
    }


def nothing_connected(tables):
    return {
        name: t.assign(
            n_active=0, **({"effective_compression": np.inf} if "effective_compression" in t else {})
        )
        if "n_active" in t
        else t
        for name, t in tables.items()
    }


def nothing_trained(tables):
    return {name: t.assign(test_accuracy=np.nan) if "test_accuracy" in t else t for name, t in tables.items()}


def direct_only(tables):
    return {name: t[t.criterion == "direct"] if "criterion" in t else t for name, t in tables.items()}


def unreachable_beyond_100(tables):
    unknown = [
        "n_kept",
        "n_active",
        "direct_compression",
        "effective_compression",
        "test_accuracy",
        "test_loss",
    ]
    out = dict(tables)
    out["subnetworks"] = tables["subnetworks"].copy()
    beyond = out["subnetworks"].target_compression > 101
    out["subnetworks"][unknown] = out["subnetworks"][unknown].astype(float)
    out["subnetworks"].loc[beyond, unknown] = np.nan
    out["subnetworks"].loc[beyond, "status"] = "unreachable"
    out["layers"] = tables["layers"][tables["layers"].target_compression <= 101]
    return out


def single_level(tables):
    return {
        name: t[t.target_compression.isin([10.0]) | t.target_compression.isna()]
        if "target_compression" in t
        else t
        for name, t in tables.items()
    }


def no_rows(tables):
    return {name: table.iloc[:0] for name, table in tables.items()}


def too_compressed(tables):
    """compressions: [10, 1000000]: nothing is kept at the second level, nor trained."""
    gone = {"n_kept": 0, "n_active": 0, "direct_compression": np.inf, "effective_compression": np.inf}
    chance = {"status": "disconnected", "test_accuracy": 0.098}

    def sparser(table):
        values = {column: value for column, value in (gone | chance).items() if column in table}
        more = table[table.target_compression == 10].assign(target_compression=1e6, **values)
        return pd.concat([table[table.target_compression == 10], more], ignore_index=True)

    return {
        name: sparser(table) if name in ("subnetworks", "layers") else table for name, table in tables.items()
    }


def too_compressed_only(tables):
    """compressions: [1000000000000]"""
    return {
        name: t[t.target_compression == 1e6].assign(target_compression=1e12)
        if name in ("subnetworks", "layers")
        else t
        for name, t in too_compressed(tables).items()
    }


def all_at_chance(tables):
    return {name: t.assign(test_accuracy=0.1) if "test_accuracy" in t else t for name, t in tables.items()}


def no_reference(tables):
    return {
        name: t[~t.pruner.isin(["random-igq", "magnitude-igq"])] if "pruner" in t else t
        for name, t in tables.items()
    }


def no_dense(tables):
    return tables | {"dense": tables["dense"].iloc[:0]}


SPARSE = (
    too_compressed,
    too_compressed_only,
    all_at_chance,
    no_reference,
    no_dense,
    one_seed,
    one_pruner,
    unknown_pruner,
    nothing_connected,
    nothing_trained,
    direct_only,
    unreachable_beyond_100,
    single_level,
    no_rows,
)


def note_of(figure) -> str:
    (note,) = [text.get_text() for text in figure.texts if text.get_gid() == "note"]
    return note.replace("\n", " ")


@EVERY_FIGURE_OF_THE_STUDY
def test_every_figure_says_what_was_reduced_and_how_many_seeds(name, tables):
    figure, _ = FIGURES[name].draw(tables)
    assert "4,000 MNIST training images, 2,000 of 96,000 steps (data set mnist-5k)" in note_of(figure)
    assert "3 seeds" in note_of(figure)


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in ("toy_network", "verdicts")])
def test_one_seed_has_no_range_and_no_interval(name, few_pruners):
    figure, _ = FIGURES[name].draw(one_seed(few_pruners))
    assert "interval" not in note_of(figure)
    assert "minimum" not in note_of(figure)


@EVERY_FIGURE
def test_a_study_at_full_scale_is_not_called_reduced(name, tables):
    for table in ("subnetworks", "dense", "measurements"):
        tables[table]["reduced"] = np.nan
    figure, _ = FIGURES[name].draw(tables)
    assert "educed" not in note_of(figure)


@pytest.fixture(scope="module")
def few_pruners(study_tables):
    """Enough for every figure, and quick to draw."""
    few = (
        "random-igq",
        "random-igq-snip-pixels",
        "snip",
        "random-uniform",
        "magnitude-igq",
        "lamp",
        "synflow",
    )
    return {
        name: t[t.pruner.isin(few) | t.pruner.isna()] if "pruner" in t and name != "toy_network" else t
        for name, t in study_tables.items()
    }


@EVERY_FIGURE
@pytest.mark.parametrize("thin_out", SPARSE, ids=lambda function: function.__name__)
def test_missing_data_leave_gaps_but_never_crash(name, thin_out, few_pruners):
    check_that_it_draws(name, thin_out(few_pruners))


@EVERY_FIGURE
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    reductions=st.lists(st.sampled_from(SPARSE), min_size=2, max_size=3, unique=True), seed=st.integers(0, 99)
)
def test_whatever_is_missing_leaves_gaps(name, reductions, seed, few_pruners):
    tables = few_pruners
    for reduction in reductions:
        tables = reduction(tables)
    check_that_it_draws(
        name, {key: table.sample(frac=0.5, random_state=seed) for key, table in tables.items()}
    )


def check_that_it_draws(name, tables):
    figure, data = FIGURES[name].draw(tables)
    figure.draw_without_rendering()
    assert isinstance(data, pd.DataFrame)
    limits = [(*axes.get_xlim(), *axes.get_ylim()) for axes in figure.axes]
    assert np.isfinite(limits).all()
    # Axes that have numbers show one at least.
    for axes in figure.axes:
        low, high = sorted(axes.get_ylim())
        if axes.axison and axes.has_data() and axes.get_yscale() != "linear":
            assert any(low <= tick <= high for tick in axes.get_yticks())


@EVERY_FIGURE_OF_ALL_NETWORKS
def test_five_networks_get_a_panel_each(name, five_networks):
    figure, data = FIGURES[name].draw(five_networks)
    assert data.architecture.nunique() == 5
    texts = [part.get_suptitle() for part in figure.subfigs]
    assert texts.index("LeNet-300-100 on MNIST") < texts.index("ResNet-18 on Tiny-ImageNet")


@EVERY_FIGURE
def test_only_the_tables_that_are_named_are_read(name, tables):
    FIGURES[name].draw({table: tables[table] for table in FIGURES[name].tables})


@EVERY_FIGURE
def test_the_tables_are_left_as_they_are(name, tables, study_tables):
    FIGURES[name].draw(tables)
    for table in tables:
        pd.testing.assert_frame_equal(tables[table], study_tables[table])


@EVERY_FIGURE
def test_the_tables_may_come_from_files(name, tables, tmp_path):
    for table in FIGURES[name].tables:
        tables[table].to_csv(tmp_path / f"{table}.csv", index=False)
    read = {table: pd.read_csv(tmp_path / f"{table}.csv") for table in FIGURES[name].tables}
    _, data = FIGURES[name].draw(tables)
    _, data_of_files = FIGURES[name].draw(read)
    pd.testing.assert_frame_equal(data, data_of_files)


@EVERY_FIGURE
def test_no_text_leaves_the_page_or_covers_another(name, tables):
    figure, _ = FIGURES[name].draw(tables)
    figure.draw_without_rendering()
    page = figure.bbox
    texts = [text for part in figure.subfigs for text in part.texts]
    texts += [text for part in figure.subfigs for legend in part.legends for text in legend.get_texts()]
    for axes in figure.axes:
        labels = [*axes.get_xticklabels(), *axes.get_yticklabels()] if axes.axison else []
        texts += [*axes.texts, *labels, axes._left_title]
    boxes = {t: t.get_window_extent() for t in (*texts, *figure.texts) if t.get_visible() and t.get_text()}
    # Ticks outside the limits of an axis are not drawn.
    boxes = {t: b for t, b in boxes.items() if t in figure.texts or t not in hidden_ticks(figure)}
    for text, box in boxes.items():
        assert box.x0 >= 0 and box.x1 <= page.x1 and box.y0 >= 0 and box.y1 <= page.y1, text.get_text()
    for text, box in boxes.items():
        for other, other_box in boxes.items():
            assert text is other or not box.shrunk(0.98, 0.8).overlaps(other_box), (text, other)


def hidden_ticks(figure) -> set:
    return {
        tick.label1
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }


@EVERY_FIGURE
def test_a_title_asks_and_a_caption_explains(name):
    assert FIGURES[name].title.endswith("?")
    assert FIGURES[name].caption.endswith(".")


@pytest.mark.parametrize(
    ("kinds", "absent"),
    [
        ([Kind("lenet-300-100", "random-erk", "direct", True)], {"pruner_order", "leaderboard"}),
        ([Kind("lenet-300-100", "random-igq", "effective", False)], {"costs", "leaderboard", "verdicts"}),
        ([Kind("lenet-300-100", "random-igq", "effective", True)], {"layer_density", "mean_field"}),
        ([Kind("lenet-5", "random-igq", "direct", True)], {"mean_field", "pixel_controls"}),
        ([Kind("lenet-5", "lamp", "direct", True)], {"accuracy_at_initialisation", "accuracy_random_quotas"}),
        # The direct frame was only counted.
        (
            [Kind("lenet-5", "snip", "direct", False), Kind("lenet-5", "snip", "effective", True)],
            {"pruner_order", "accuracy_magnitude_quotas"},
        ),
    ],
)
def test_figures_that_would_show_nothing_are_left_out(kinds, absent):
    assert not any(FIGURES[name].suits(kinds) for name in absent)
    assert FIGURES["target_hits"].suits(kinds)


def test_a_study_of_everything_has_every_figure():
    kinds = [
        Kind("lenet-300-100", pruner, criterion, True)
        for pruner in ("random-igq", "lamp", "random-igq-snip-pixels")
        for criterion in ("direct", "effective")
    ]
    assert all(figure.suits(kinds) for figure in FIGURES.values())


def test_figures_do_without_torch():
    modules = {entry.function.partition(":")[0] for entry in FIGURES.values()}
    imports = "".join(f"import effective_sparsity.figures.{module}\n" for module in sorted(modules))
    check = "import sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", imports + check], check=True)
