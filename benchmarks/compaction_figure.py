"""Gathers what compaction.py measured, draws it, and prints the tables of docs/compaction.md.

python benchmarks/compaction_figure.py [--folder results/reference/compaction]
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib import pyplot as plt

from effective_sparsity.figures.style import ARCHITECTURES, RC, in_order, log_axes, look

NETWORKS = {"lenet-5": "LeNet-5", "vgg-16": "VGG-16", "resnet-18": "ResNet-18", "resnet-50": "ResNet-50"}
ROWS = {
    "parameters": "parameters left",
    "pytorch_ms_64": "time left, batch 64:\nPyTorch",
    "onnxruntime_ms_64": "time left, batch 64:\nONNX Runtime",
}


def gather(measured: Path, published: Path, name: str) -> pd.DataFrame:
    """The published rows, with those of networks that were measured since in the place of older ones."""
    tables = [pd.read_csv(path) for path in sorted(measured.glob(f"*/{name}.csv"))]
    file = published / f"{name}.csv"
    if file.exists():
        fresh = {network for table in tables for network in table["network"]}
        old = pd.read_csv(file)
        tables.insert(0, old[~old["network"].isin(fresh)])
    if not tables:
        return pd.DataFrame()
    places = {network: place for place, network in enumerate(NETWORKS)}
    table = pd.concat(tables, ignore_index=True)
    table = table.sort_values("network", key=lambda names: names.map(places), kind="stable")
    table.to_csv(file, index=False)
    return table


def draw(table: pd.DataFrame) -> plt.Figure:
    networks = [network for network in NETWORKS if network in set(table["network"])]
    figure, grid = plt.subplots(
        len(ROWS),
        len(networks),
        figsize=(max(4.2, 1.9 * len(networks)), 5),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    for axes, (quantity, label) in zip(grid, ROWS.items(), strict=True):
        for panel, network in zip(axes, networks, strict=True):
            for pruner in in_order(table["pruner"]):
                rows = table[(table["network"] == network) & (table["pruner"] == pruner)]
                style = look(pruner)
                fraction = rows[f"{quantity}_after"] / rows[f"{quantity}_before"]
                panel.plot(
                    rows["direct_compression"], 100 * fraction, label=style.label, **style.marker_style
                )
            log_axes(panel, "x")
            panel.set_ylim(-5, 135)
            panel.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
        axes[0].set_ylabel(label)
    for panel, network in zip(grid[0], networks, strict=True):
        panel.set_title(ARCHITECTURES.get(network, NETWORKS[network]))
    for panel in grid[-1]:
        panel.set_xlabel("direct compression")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def number(value: float) -> str:
    return "infinite" if value == float("inf") else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def per_cent(row: dict, quantity: str) -> str:
    return f"{100 * row[f'{quantity}_after'] / row[f'{quantity}_before']:.3g} %"


def speedup(row: dict, engine: str) -> str:
    if not row["parameters_after"]:
        return "constant"
    keys = [f"{engine}_ms_{batch}" for batch in (1, 64)]
    return ", ".join(f"{row[f'{key}_before'] / row[f'{key}_after']:.2f}" for key in keys)


def print_table(headings: list[str], rows: list[list[str]]) -> None:
    for cells in (headings, ["---"] * len(headings), *rows):
        print("| " + " | ".join(cells) + " |")
    print()


def print_tables(table: pd.DataFrame, steps: pd.DataFrame) -> None:
    print_table(
        [
            "",
            "pruner",
            "direct",
            "effective",
            "parameters",
            "FLOPs",
            "sparse file",
            "PyTorch",
            "ONNX Runtime",
        ],
        [
            [
                NETWORKS[row["network"]],
                look(row["pruner"]).label,
                number(row["direct_compression"]),
                number(row["effective_compression"]),
                per_cent(row, "parameters"),
                per_cent(row, "flops"),
                f"{row['sparse_bytes_before'] / 1e6:.2g} to {row['sparse_bytes_after'] / 1e6:.2g} MB",
                speedup(row, "pytorch"),
                speedup(row, "onnxruntime"),
            ]
            for row in table.to_dict("records")
        ],
    )
    print_table(
        ["", "pruner", "direct", "parameters", "masked (ms)", "compacted (ms)", "ratio"],
        [
            [
                f"{NETWORKS[row['network']]}, batch {row['batch']}",
                look(row["pruner"]).label,
                number(row["direct_compression"]),
                per_cent(row, "parameters"),
                f"{row['masked_ms']:.0f}",
                f"{row['compacted_ms']:.0f}",
                f"{row['ratio']:.2f}",
            ]
            for row in steps.to_dict("records")
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measured", type=Path, default=Path("results/compaction"))
    parser.add_argument("--published", type=Path, default=Path("results/reference/compaction"))
    options = parser.parse_args()
    folder = options.published
    folder.mkdir(parents=True, exist_ok=True)
    table, steps = (gather(options.measured, folder, name) for name in ("compaction", "training"))
    with mpl.rc_context(RC | {"figure.constrained_layout.use": True}):
        draw(table).savefig(folder / "compaction.svg", metadata={"Date": None})
    print_tables(table, steps)


if __name__ == "__main__":
    main()
