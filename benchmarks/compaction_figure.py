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
    "pytorch_ms_64": "PyTorch, batch 64: time left",
    "onnxruntime_ms_64": "ONNX Runtime, batch 64: time left",
}


def gather(folder: Path, name: str) -> pd.DataFrame:
    """The rows of all networks, written to one table."""
    tables = [pd.read_csv(path) for path in sorted((folder / ".work").glob(f"*/{name}.csv"))]
    table = pd.concat(tables, ignore_index=True) if tables else pd.read_csv(folder / f"{name}.csv")
    places = {network: place for place, network in enumerate(NETWORKS)}
    table = table.sort_values("network", key=lambda names: names.map(places), kind="stable")
    table.to_csv(folder / f"{name}.csv", index=False)
    return table


def draw(table: pd.DataFrame) -> plt.Figure:
    networks = [network for network in NETWORKS if network in set(table["network"])]
    figure, grid = plt.subplots(
        len(ROWS), len(networks), figsize=(1.9 * len(networks), 4.6), sharex=True, sharey="row", squeeze=False
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
            panel.set_ylim(-4, 112)
            panel.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
        axes[0].set_ylabel(label)
    for panel, network in zip(grid[0], networks, strict=True):
        panel.set_title(ARCHITECTURES.get(network, NETWORKS[network]))
    for panel in grid[-1]:
        panel.set_xlabel("direct compression")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def number(value: float) -> str:
    return "all" if value == float("inf") else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def print_tables(table: pd.DataFrame, steps: pd.DataFrame) -> None:
    print(
        "| network | pruner | direct | effective | parameters | MFLOPs | MB | PyTorch 1, 64 | ONNX RT 1, 64 |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in table.to_dict("records"):
        ratios = {
            engine: " / ".join(
                ""
                if pd.isna(row[f"{engine}_ms_{b}_after"])
                else f"{row[f'{engine}_ms_{b}_before'] / row[f'{engine}_ms_{b}_after']:.3g}"
                for b in (1, 64)
            )
            for engine in ("pytorch", "onnxruntime")
        }
        print(
            f"| {NETWORKS[row['network']]} | {look(row['pruner']).label} | {number(row['direct_compression'])} "
            f"| {number(row['effective_compression'])} | {row['parameters_before']:,} > {row['parameters_after']:,} "
            f"| {row['flops_before'] / 1e6:.3g} > {row['flops_after'] / 1e6:.3g} "
            f"| {row['bytes_before'] / 1e6:.3g}, {row['masked_sparse_bytes'] / 1e6:.3g} > {row['sparse_bytes_after'] / 1e6:.3g} "
            f"| {ratios['pytorch']} | {ratios['onnxruntime']} |"
        )
    print()
    print("| network, batch | pruner | direct | parameters | masked (ms) | compacted (ms) | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in steps.to_dict("records"):
        print(
            f"| {NETWORKS[row['network']]}, {row['batch']} | {look(row['pruner']).label} | {number(row['direct_compression'])} "
            f"| {row['parameters_before']:,} > {row['parameters_after']:,} | {row['masked_ms']:.0f} "
            f"| {row['compacted_ms']:.0f} | {row['ratio']:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("results/reference/compaction"))
    folder = parser.parse_args().folder
    table, steps = gather(folder, "compaction"), gather(folder, "training")
    with mpl.rc_context(RC | {"figure.constrained_layout.use": True}):
        draw(table).savefig(folder / "compaction.svg", metadata={"Date": None})
    print_tables(table, steps)


if __name__ == "__main__":
    main()
