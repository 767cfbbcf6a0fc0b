"""Gathers what compaction.py measured, draws it, and fills in the tables of docs/compaction.md.

    python benchmarks/compaction_figure.py

A subnetwork that was measured since replaces its row in the published tables.
"""

import argparse
import re
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib import pyplot as plt

from effective_sparsity.figures.page import log_axes, log_limits
from effective_sparsity.figures.style import ARCHITECTURES, RC, in_order, look

NETWORKS = {"lenet-5": "LeNet-5", "vgg-16": "VGG-16", "resnet-18": "ResNet-18", "resnet-50": "ResNet-50"}
ROWS = {
    "parameters": "parameters left",
    "pytorch_ms_batch": "time left, a batch:\nPyTorch",
    "onnxruntime_ms_batch": "time left, a batch:\nONNX Runtime",
}


SUBNETWORK = ["network", "pruner", "direct_compression"]


def gather(measured: Path, published: Path) -> pd.DataFrame:
    """The published rows, with those of subnetworks that were measured since in the place of older ones."""
    files = [published, *sorted(measured.glob(f"*/{published.name}"))]
    table = pd.concat([pd.read_csv(file) for file in files if file.exists()], ignore_index=True)
    table = table.drop_duplicates(SUBNETWORK, keep="last")
    orders = {"network": list(NETWORKS), "pruner": in_order(table["pruner"])}
    return table.sort_values(
        SUBNETWORK,
        key=lambda column: column.map(orders[column.name].index) if column.name in orders else column,
    )


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
                panel.plot(rows["direct_compression"], 100 * fraction, label=style.label, **style.style)
            log_axes(
                panel, x=log_limits(table["direct_compression"].min(), table["direct_compression"].max())
            )
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
    keys = [f"{engine}_ms_{batch}" for batch in ("one", "batch")]
    ratios = [row[f"{key}_before"] / row[f"{key}_after"] for key in keys]
    return ", ".join(f"{ratio:.2f}" for ratio in ratios)


def markdown(headings: list[str], rows: list[list[str]]) -> str:
    lines = (headings, ["---"] * len(headings), *rows)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def sizes(table: pd.DataFrame) -> str:
    """What is left of each network, and how much faster it is."""
    headings = "network, batch|pruner|direct|effective|parameters|FLOPs|sparse file|PyTorch|ONNX Runtime"
    return markdown(
        headings.split("|"),
        [
            [
                f"{NETWORKS[row['network']]}, {row['batch']}",
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


def steps(table: pd.DataFrame) -> str:
    """Time of a training step."""
    return markdown(
        ["network, batch", "pruner", "direct", "parameters", "masked (ms)", "compacted (ms)", "ratio"],
        [
            [
                f"{NETWORKS[row['network']]}, {row['batch']}",
                look(row["pruner"]).label,
                number(row["direct_compression"]),
                per_cent(row, "parameters"),
                f"{row['masked_ms']:.0f}",
                f"{row['compacted_ms']:.0f}",
                f"{row['ratio']:.3g}",
            ]
            for row in table.to_dict("records")
        ],
    )


def filled(document: str, table: pd.DataFrame, training: pd.DataFrame) -> str:
    """The document, with both tables between their comments."""
    for name, content in {"sizes": sizes(table), "steps": steps(training)}.items():
        begin, end = f"<!-- table compaction: {name} -->\n", "\n<!-- end -->"
        document = re.sub(f"({begin}).*?({end})", rf"\g<1>{content}\g<2>", document, flags=re.DOTALL)
    return document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measured", type=Path, default=Path("results/compaction"))
    parser.add_argument("--published", type=Path, default=Path("results/reference/compaction"))
    parser.add_argument("--document", type=Path, default=Path("docs/compaction.md"))
    options = parser.parse_args()
    options.published.mkdir(parents=True, exist_ok=True)
    files = [options.published / f"{name}.csv" for name in ("compaction", "training")]
    tables = [gather(options.measured, file) for file in files]
    for file, table in zip(files, tables, strict=True):
        table.to_csv(file, index=False)
    with mpl.rc_context(RC | {"figure.constrained_layout.use": True}):
        draw(tables[0]).savefig(options.published / "compaction.svg", metadata={"Date": None})
    options.document.write_text(filled(options.document.read_text(), *tables))


if __name__ == "__main__":
    main()
