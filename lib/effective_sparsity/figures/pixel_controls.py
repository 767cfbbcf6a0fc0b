"""How much of SNIP's lead over random pruning is its choice of pixels."""

import pandas as pd
from matplotlib.figure import Figure, SubFigure

from effective_sparsity.figures import seeds
from effective_sparsity.figures.page import (
    Legend,
    accuracy_axis,
    draw_page,
    inside,
    log_axes,
    log_limits,
    pruner_entries,
)
from effective_sparsity.figures.statistics import half_width, jackknife
from effective_sparsity.figures.style import CONTROLS, GREY
from effective_sparsity.figures.tables import PANEL, Tables, reduced_text

# The gap is from the first to the second.
_BASE, _BEST = "random-igq", "snip"
_SHOWN = (_BASE, _BEST, *CONTROLS)
_POINT = [*PANEL, "pruner", "target_compression"]


def pixel_controls(tables: Tables) -> tuple[Figure, pd.DataFrame]:
    """Accuracies of SNIP, random-igq and the controls, and what each control explains of their gap.

    Returns:
        The figure, and its data, all of effective pruning. Rows whose `quantity` is "test_accuracy" are as
        `seeds.with_seeds` lists them; those of "share_of_gap" are a control's accuracy minus that of
        random-igq, divided by SNIP's minus that of random-igq, means over the seeds that have all three, with
        95 % t intervals of jackknife pseudo-values.
    """
    data = _tabulate(tables["subnetworks"])
    shown = tables["subnetworks"].query("pruner in @CONTROLS")
    note = f"{seeds.note_on_means(data)} {reduced_text(shown)}"
    return draw_page(data, _draw, note, height=3.0, empty="No controls"), data


def _tabulate(subnetworks: pd.DataFrame) -> pd.DataFrame:
    rows = subnetworks[(subnetworks.criterion == "effective") & subnetworks.pruner.isin(_SHOWN)]
    rows = rows.dropna(subset=["test_accuracy"])
    # Only networks of which the study has controls.
    rows = rows[
        rows.groupby(PANEL).pruner.transform(lambda pruners: pruners.isin(CONTROLS).any()).astype(bool)
    ]
    rows = rows.rename(columns={"test_accuracy": "value"})
    accuracies = seeds.with_seeds(rows, _POINT, "value").assign(quantity="test_accuracy")
    columns = [*_POINT, "quantity", "seed", "value", "low", "high", "seeds"]
    tables = [accuracies, *(_shares(*group) for group in rows.groupby([*PANEL, "target_compression"]))]
    return pd.concat(tables, ignore_index=True).reindex(columns=columns)


def _shares(keys: tuple, rows: pd.DataFrame) -> pd.DataFrame:
    """What each control explains of the gap at one level of one network."""
    table = rows.pivot_table(index="seed", columns="pruner", values="value")
    found = []
    for control in CONTROLS:
        if {control, _BASE, _BEST} <= set(table.columns) and len(paired := table.dropna()) > 1:

            def share(chosen: list[int], control: str = control, paired: pd.DataFrame = paired) -> float:
                mean = paired.loc[chosen].mean()
                return (mean[control] - mean[_BASE]) / (mean[_BEST] - mean[_BASE])

            values = pd.Series(jackknife(share, list(paired.index)))
            half = half_width(values)
            interval = {"value": values.mean(), "low": values.mean() - half, "high": values.mean() + half}
            found.append({"pruner": control, **interval, "seeds": len(values)})
    return pd.DataFrame(found).assign(
        **dict(zip([*PANEL, "target_compression"], keys, strict=True)), quantity="share_of_gap"
    )


def _draw(part: SubFigure, data: pd.DataFrame) -> Legend:
    pruners = [pruner for pruner in _SHOWN if (data.pruner == pruner).any()]
    shifts = data.pruner.map(seeds.dodge(data.target_compression, pruners, width=0.5))
    data = data.assign(x=data.target_compression * shifts)
    accuracy, share = part.subplots(1, 2, sharex=True)
    log_axes(accuracy, x=log_limits(data.target_compression))
    values = data[data.quantity == "test_accuracy"]
    accuracy_axis(accuracy, values.value)
    accuracy.set(title="Accuracy", xlabel="Effective compression", ylabel="Test accuracy")
    share.set(title="Share of SNIP's lead over random, IGQ", xlabel="Effective compression", ylabel="Share")
    share.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    for level in (0, 1):
        share.axhline(level, color=GREY, linewidth=0.8, zorder=1)
    shares = data[data.quantity == "share_of_gap"]
    values = values.assign(**{name: inside(values[name]) for name in ("value", "low", "high")})
    seeds.draw_pruners(accuracy, values, pruners, "value")
    seeds.draw_pruners(share, shares, pruners, "value", " share")
    # Whole intervals, unless a small gap makes them huge.
    ends = [-0.5, 1.5, *shares[["value", "low", "high"]].clip(-2, 3).stack().dropna()]
    share.set_ylim(min(ends) - 0.1, max(ends) + 0.1)
    return pruner_entries(pruners)
