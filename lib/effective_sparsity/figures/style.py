"""How a pruner, a network and a compression axis look, the same in every figure.

Colour and marker tell the quota, the marker's face tells the order inside a layer: hollow for random, filled
for one that looks at the weights (magnitude, saliency). So every pruner has a look of its own, SNIP and the
random pruner with SNIP's quotas are visibly related, and lines can be told apart without colour.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

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
# Drawn beside SNIP and random pruning with IGQ, which they explain.
CONTROLS = (
    "random-igq-snip-pixels",
    "random-igq-random-pixels",
    "random-igq-varying-pixels",
    "snip-permuted-pixels",
    "snip-permuted-own-pixels",
)
PRUNERS = RANDOM_QUOTAS + MAGNITUDE_QUOTAS + SALIENCIES + CONTROLS

FAMILIES = {
    "Random pruning": RANDOM_QUOTAS,
    "Magnitude pruning": MAGNITUDE_QUOTAS,
    "Saliency at initialisation": SALIENCIES,
    "Controls of pixels": CONTROLS,
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
DASHED = {"linestyle": (0, (3, 1.5)), "linewidth": 0.9}

# DejaVu Sans comes with matplotlib, so a figure looks the same on every machine.
RC = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
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
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "pdf.fonttype": 42,
    "svg.hashsalt": "effective-sparsity",
}


@dataclass(frozen=True)
class Look:
    """The appearance of one pruner: names to print, colour, marker and the marker's face colour."""

    label: str
    quota_label: str
    color: str
    marker: str
    face: str

    @property
    def marker_style(self) -> dict:
        """Keyword arguments for matplotlib's `plot`: colour and marker, without the line."""
        size = {"*": 5.0, "X": 4.2, "P": 4.2, "D": 3.0}.get(self.marker, 3.5)
        return {
            "color": self.color,
            "marker": self.marker,
            "markersize": size,
            "markerfacecolor": self.face,
            "markeredgewidth": 0.8,
        }


def _control(label: str, color: str, marker: str, face: str) -> Look:
    return Look(label, label, color, marker, face)


_CONTROLS = {
    "random-igq-snip-pixels": _control("Random, IGQ on SNIP's pixels", "#0072B2", "<", "white"),
    "random-igq-random-pixels": _control("Random, IGQ on random pixels", "#88CCEE", ">", "white"),
    "random-igq-varying-pixels": _control("Random, IGQ on varying pixels", "#332288", "v", "white"),
    "snip-permuted-pixels": _control("SNIP, pixels permuted", "#8B0000", "P", "#8B0000"),
    "snip-permuted-own-pixels": _control("SNIP, own pixels permuted", "#DDCC77", "X", "#DDCC77"),
}


def look(pruner: str) -> Look:
    """Appearance of a pruner; one that the study does not know is drawn in grey under its own name."""
    if pruner in _CONTROLS:
        return _CONTROLS[pruner]
    prefix = next((prefix for prefix in _ORDERS if pruner.startswith(prefix)), "")
    quota = pruner.removeprefix(prefix)
    if quota not in _QUOTAS:
        return Look(pruner, pruner, GREY, ".", GREY)
    quota_label, color, marker = _QUOTAS[quota]
    label = quota_label
    if prefix:
        suffix = "" if quota == "global" else " quotas"
        inner = quota_label if quota_label.isupper() or quota_label in _PROPER else quota_label.lower()
        label = f"{_ORDERS[prefix]}, {inner}{suffix}"
    return Look(label, quota_label, color, marker, "white" if prefix == "random-" else color)


def in_order(pruners: Iterable[str]) -> list[str]:
    """Distinct pruners in the order of the study, unknown ones at the end in alphabetical order."""
    rank = {pruner: i for i, pruner in enumerate(PRUNERS)}
    return sorted(set(pruners), key=lambda pruner: (rank.get(pruner, len(rank)), pruner))


def by_family(pruners: Iterable[str]) -> dict[str, list[str]]:
    """Pruners in order, by family; families without any are absent, unknown pruners are a family too."""
    present = in_order(pruners)
    known = {family: [p for p in present if p in members] for family, members in FAMILIES.items()}
    known["Other pruners"] = [p for p in present if p not in PRUNERS]
    return {family: members for family, members in known.items() if members}


def panel_title(architecture: str, dataset: str) -> str:
    """Network and data set as a reader knows them; unknown names stay as they are."""
    return f"{ARCHITECTURES.get(architecture, architecture)} on {_DATASETS.get(dataset, dataset)}"


def plain_number(value: float, _position: int = 0) -> str:
    """A number without exponent, thousands separated: 10, 1,000, 0.01."""
    return f"{value:,.0f}" if value >= 1 else f"{value:.10f}".rstrip("0")


# Inches that a tick's label takes below an axis.
_TICK_WIDTH = 0.3


def log_axes(axes: Axes, which: str = "xy") -> None:
    """Logarithmic axes ("x", "y" or "xy") with ticks at powers of ten, written as plain numbers."""
    width = axes.get_position().width * axes.figure.get_figwidth()
    numticks = {"x": int(width / _TICK_WIDTH), "y": 12}
    for letter in which:
        axes.set(**{f"{letter}scale": "log"})
        axis = getattr(axes, f"{letter}axis")
        axis.set_major_locator(LogLocator(base=10, numticks=numticks[letter]))
        axis.set_major_formatter(FuncFormatter(plain_number))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())


# Accuracies are drawn on a logit scale, which keeps apart both 97 % from 98 % and 10 % from 12 %.
_ACCURACIES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)


def accuracy_axis(axes: Axes, low: float, high: float) -> None:
    """Logit scale for accuracies (fractions between 0 and 1) from `low` to `high`, ticks in per cent."""
    axes.set_yscale("logit", nonpositive="clip")
    axes.set_yticks([a for a in _ACCURACIES if low <= a <= high])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda a, _: f"{100 * a:.4g} %"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(low, high)
