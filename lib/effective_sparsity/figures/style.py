"""How pruners, networks and numbers look and are called, the same in every figure.

Colour and marker tell the quota, the marker's face tells the order inside a layer: hollow for random, filled
for one that looks at the weights (magnitude, saliency). So every pruner has a look of its own, SNIP and the
random pruner with SNIP's quotas are visibly related, and lines can be told apart without colour.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Style = dict[str, Any]

RANDOM_QUOTAS = (
    "random-igq",
    "random-erk",
    "random-uniform",
    "random-uniform-plus",
    "random-snip",
    "random-synflow",
    "random-smart-ratio",
)
MAGNITUDE_QUOTAS = (
    "magnitude-global",
    "lamp",
    "magnitude-igq",
    "magnitude-erk",
    "magnitude-uniform",
    "magnitude-uniform-plus",
)
SALIENCIES = ("snip", "snip-iterative", "synflow", "grasp")
SINCE_2021 = ("force", "grasp-iterative", "ntk-sap", "px", "prospr", "phew", "npb", "imp")
# Drawn beside SNIP and random pruning with IGQ, which they explain.
CONTROLS = (
    "random-igq-snip-pixels",
    "random-igq-random-pixels",
    "random-igq-varying-pixels",
    "snip-permuted-pixels",
    "snip-permuted-own-pixels",
)
AT_INITIALISATION = (*SALIENCIES, "random-igq", "random-erk", "random-uniform")
# One pruner for each distinct set of quotas: magnitude pruning with a closed-form quota keeps the same counts
# as random pruning with it, global magnitude and LAMP find their own.
LAYER_QUOTAS = (*RANDOM_QUOTAS, "magnitude-global", "lamp")
PRUNERS = RANDOM_QUOTAS + MAGNITUDE_QUOTAS + SALIENCIES + SINCE_2021 + CONTROLS

FAMILIES = {
    "Random pruning": RANDOM_QUOTAS,
    "Magnitude pruning": MAGNITUDE_QUOTAS,
    "Saliency pruning": SALIENCIES,
    "Since 2021": SINCE_2021,
    "Pixel controls": CONTROLS,
}

# Colours differ enough for all three kinds of colour blindness among pruners that share a panel; a test says
# so.
_QUOTAS = {
    "igq": ("IGQ", "#D55E00", "o"),
    "erk": ("ERK", "#0072B2", "s"),
    "uniform": ("Uniform", "#222222", "^"),
    "uniform-plus": ("Uniform+", "#F0C000", "v"),
    "snip": ("SNIP", "#CC79A7", "D"),
    "snip-iterative": ("SNIP-iterative", "#DDCC77", "P"),
    "synflow": ("SynFlow", "#8B0000", "X"),
    "grasp": ("GraSP", "#88CCEE", "h"),
    "smart-ratio": ("Smart ratio", "#56B4E9", "p"),
    "global": ("Global", "#882255", "*"),
    "lamp": ("LAMP", "#74C476", "d"),
}
_PROPER = {"SynFlow", "GraSP", "SNIP-iterative"}
_ORDERS = {"random-": "Random", "magnitude-": "Magnitude"}

ARCHITECTURES = {
    "lenet-300-100": "LeNet-300-100",
    "lenet-5": "LeNet-5",
    "vgg-16": "VGG-16",
    "vgg-19": "VGG-19",
    "resnet-18": "ResNet-18",
}
_DATASETS = {
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "tiny-imagenet-200": "Tiny-ImageNet",
}

GREY = "#555555"
FAINT = "#BBBBBB"

# In every figure a solid line speaks of effective compression, of active weights; a dashed one of direct
# compression, of kept weights.
DASHED: Style = {"linestyle": (0, (3, 1.5)), "linewidth": 0.9}
FRAMES = ("direct", "effective")

# DejaVu Sans comes with matplotlib, so a figure is laid out the same on every machine. Text in an SVG stays
# text, to select and to search; a browser without that font takes one of nearly the same widths.
RC: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
    "svg.fonttype": "none",
    "font.size": 7,
    "figure.titlesize": 8.5,
    "figure.titleweight": "bold",
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E8E8E8",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 6.5,
    "legend.title_fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.labelspacing": 0.35,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "pdf.fonttype": 42,
    "svg.hashsalt": "effective-sparsity",
}


@dataclass(frozen=True)
class Look:
    """The appearance of one pruner: its name to print, colour, marker and the marker's face colour."""

    label: str
    color: str
    marker: str
    face: str

    @property
    def style(self) -> Style:
        """Keyword arguments for matplotlib's `plot`: colour and marker, without the line."""
        return {
            "color": self.color,
            "marker": self.marker,
            "markersize": {"*": 5.0, "X": 4.2, "P": 4.2, "D": 3.0}.get(self.marker, 3.5),
            "markerfacecolor": self.face,
            "markeredgewidth": 0.8,
        }


_LOOKS = {
    "force": Look("FORCE", "#D55E00", ">", "#D55E00"),
    "grasp-iterative": Look("GraSP-iterative", "#56B4E9", "h", "#56B4E9"),
    "ntk-sap": Look("NTK-SAP", "#0072B2", "<", "#0072B2"),
    "px": Look("PX", "#8B0000", "v", "#8B0000"),
    "prospr": Look("ProsPr", "#F0C000", "^", "#F0C000"),
    "phew": Look("PHEW", "#CC79A7", "s", "#CC79A7"),
    "npb": Look("NPB", "#222222", "D", "#222222"),
    "imp": Look("IMP", "#332288", "*", "#332288"),
    "random-igq-snip-pixels": Look("Random, IGQ on SNIP's pixels", "#0072B2", "<", "white"),
    "random-igq-random-pixels": Look("Random, IGQ on random pixels", "#88CCEE", ">", "white"),
    "random-igq-varying-pixels": Look("Random, IGQ on varying pixels", "#332288", "v", "white"),
    "snip-permuted-pixels": Look("SNIP, pixels permuted", "#8B0000", "P", "#8B0000"),
    "snip-permuted-own-pixels": Look("SNIP, own pixels permuted", "#DDCC77", "X", "#DDCC77"),
}


def look(pruner: str) -> Look:
    """Appearance of a pruner; one that the study does not know is drawn in grey under its own name."""
    if pruner in _LOOKS:
        return _LOOKS[pruner]
    prefix = next((prefix for prefix in _ORDERS if pruner.startswith(prefix)), "")
    quota = pruner.removeprefix(prefix)
    if quota not in _QUOTAS:
        return Look(pruner, GREY, ".", GREY)
    label, color, marker = _QUOTAS[quota]
    if prefix:
        suffix = "" if quota == "global" else " quotas"
        inner = label if label.isupper() or label in _PROPER else label.lower()
        label = f"{_ORDERS[prefix]}, {inner}{suffix}"
    return Look(label, color, marker, "white" if prefix == "random-" else color)


def in_order(pruners: Iterable[str]) -> list[str]:
    """Distinct pruners in the order of the study, unknown ones at the end in alphabetical order."""
    return sorted(set(pruners), key=lambda pruner: place(pruner, PRUNERS))


def place(name: str, known: Sequence[str]) -> tuple[int, str]:
    """A key that sorts names as `known` does, and others behind them by the alphabet."""
    return (known.index(name) if name in known else len(known), name)


def by_family(pruners: Iterable[str]) -> dict[str, list[str]]:
    """Pruners in order, by family; families without any are absent, unknown pruners are a family too."""
    present = in_order(pruners)
    known = {family: [p for p in present if p in members] for family, members in FAMILIES.items()}
    known["Other pruners"] = [p for p in present if p not in PRUNERS]
    return {family: members for family, members in known.items() if members}


def panel_title(architecture: str, dataset: str) -> str:
    """Network and data set as a reader knows them; unknown names stay as they are."""
    name = ARCHITECTURES.get(architecture, architecture)
    return f"{name} on {_DATASETS.get(dataset, dataset)}" if dataset else name


def plain_number(value: float) -> str:
    """A number without exponent, thousands separated: 10, 1,000, 0.01."""
    return f"{value:,.0f}" if value >= 1 else f"{value:.10f}".rstrip("0")
