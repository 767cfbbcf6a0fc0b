import numpy as np
import pytest

from effective_sparsity.figures.effective_vs_direct import effective_vs_direct


@pytest.mark.parametrize(("pruner", "kind"), [("random-igq", "curve"), ("synflow", "target")])
def test_lines_are_the_finite_points_of_the_data(pruner, kind, tables, drawn):
    figure, data = effective_vs_direct(tables)
    points = data[(data.pruner == pruner) & (data.kind == kind) & np.isfinite(data.effective_compression)]
    assert drawn(figure, pruner) == (
        points.direct_compression.tolist(),
        points.effective_compression.tolist(),
    )


def test_compression_over_live_inputs_is_drawn_beside_the_other(tables, drawn):
    before = effective_vs_direct(tables)[1]
    for name in ("curves", "subnetworks"):
        tables[name]["effective_compression_live"] = tables[name].effective_compression * 1.5
    figure, data = effective_vs_direct(tables)
    assert data[data.kind != "live"].equals(before)
    for pruner in ("random-igq", "synflow"):  # a curve, and targets
        x, y = drawn(figure, pruner)
        assert drawn(figure, f"{pruner} over live inputs") == (x, [1.5 * value for value in y])
    (legend,) = figure.subfigs[0].legends
    assert legend.get_texts()[-1].get_text() == "over live inputs"


def test_points_are_medians_over_seeds(tables):
    _, data = effective_vs_direct(tables)
    curves = tables["curves"].query("pruner == 'random-erk'")
    direct = curves.direct_compression.unique()[60]
    values = np.sort(curves[curves.direct_compression == direct].effective_compression)
    (row,) = data.query(
        "pruner == 'random-erk' and kind == 'curve' and direct_compression == @direct"
    ).itertuples()
    assert (row.low, row.effective_compression, row.high) == tuple(values)
    assert row.seeds == 3


def test_a_pruner_disconnects_where_half_of_its_seeds_have(tables, drawn):
    figure, data = effective_vs_direct(tables)
    subnetworks = tables["curves"].query("pruner == 'random-uniform'")
    seeds_gone = subnetworks.assign(gone=subnetworks.n_active == 0).groupby("direct_compression").gone.sum()
    first = seeds_gone[seeds_gone >= 2].index.min()
    assert drawn(figure, "random-uniform disconnects") == ([first], [figure.axes[0].get_ylim()[1]])
    (row,) = data.query("pruner == 'random-uniform' and kind == 'disconnection'").itertuples()
    assert (row.direct_compression, row.effective_compression) == (first, np.inf)


def test_a_pruner_that_never_disconnects_has_no_mark(tables):
    figure, data = effective_vs_direct(tables)
    assert "synflow disconnects" not in {line.get_gid() for axes in figure.axes for line in axes.lines}
    assert data.query("pruner == 'synflow' and kind == 'disconnection'").empty


def test_iterative_pruners_are_drawn_at_their_targets_only(tables):
    _, data = effective_vs_direct(tables)
    rows = data.query("pruner == 'synflow'")
    assert set(rows.kind) == {"target"}
    assert len(rows) == 10
