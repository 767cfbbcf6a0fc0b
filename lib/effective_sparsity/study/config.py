"""The configuration of a study: schema, defaults and checks."""

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from effective_sparsity.datasets.fetch import RemoteFile, list_mirrors
from effective_sparsity.datasets.registry import SOURCES, Source
from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import NETWORKS, Network
from effective_sparsity.pruning.pruners import GROUPS, PRUNERS
from effective_sparsity.pruning.ranking import Criterion
from effective_sparsity.training.engines import ENGINES, engine_for
from effective_sparsity.training.execution import Choice, Precision

# What may name a file or a folder.
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


def _number(value: object) -> object:
    """Refuses true and false, which Python takes for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"should be a number, not {value}")
    return value


Whole = Annotated[int, BeforeValidator(_number)]
Positive = Annotated[Whole, Field(ge=1)]
# No network has so many weights that a larger one would leave any.
Compression = Annotated[float, BeforeValidator(_number), Field(ge=1, le=1e9, allow_inf_nan=False)]
# The command line gives texts.
AutoOrBool = Annotated[
    Choice, BeforeValidator(lambda value: {"true": True, "false": False}.get(str(value), value))
]


def _folder(path: str) -> str:
    """A folder whose name Snakemake takes as it is; braces would be wildcards."""
    if path.startswith("~") or re.search(r"[{}\x00-\x1f]", path):
        raise ValueError(f"{path!r} starts with ~, or has braces or control characters; write another path")
    return path


def _mirror(url: str) -> str:
    list_mirrors([url])
    return url


Folder = Annotated[str, Field(min_length=1), AfterValidator(_folder)]
Mirror = Annotated[str, AfterValidator(_mirror)]
# PyTorch and NumPy both take 32 bits.
Seed = Annotated[Whole, Field(ge=0, lt=2**32)]

# Of the alternatives of a value, which are no part of its place in the file.
_LIST, _RANGE, _WORD = _ALTERNATIVES = ("(list)", "(range)", "(word)")


def _either(expected: str, words: Sequence[str] = ()) -> Discriminator:
    """Tells alternatives of a value apart by what it is: a list, a mapping, or one of some words."""

    def kind(value: object) -> str | None:
        match value:
            case str():
                return _WORD if value in words else None
            case list():
                return _LIST
            case dict():
                return _RANGE
        return None

    return Discriminator(kind, custom_error_type="alternatives", custom_error_message=expected)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CompressionRange(_Section):
    """Compressions from `from` to `to`, `per_decade` to each power of ten."""

    start: Compression = Field(alias="from")
    to: Compression
    per_decade: Positive = Field(le=1000)

    @property
    def values(self) -> list[float]:
        """`from` * 10^(i / per_decade) for i = 0, 1, ... up to `to`."""
        n_steps = math.floor(math.log10(self.to / self.start) * self.per_decade + 1e-9)
        return [self.start * 10 ** (i / self.per_decade) for i in range(n_steps + 1)]


class SeedRange(_Section):
    """Seeds from `from` to `to`, both included."""

    start: Seed = Field(alias="from")
    to: Seed

    @model_validator(mode="after")
    def _rising(self):
        if not self.start <= self.to < self.start + 100_000:
            raise ValueError(
                f"to: {self.to} gives no seeds from {self.start} on, or above 100,000; change it"
            )
        return self

    @property
    def values(self) -> list[int]:
        """All seeds of the range."""
        return list(range(self.start, self.to + 1))


# How a study, an architecture or a part names its pruners, compressions and seeds.
Pruners = Annotated[
    Annotated[Literal["paper", "since-2021", "all"], Tag(_WORD)] | Annotated[list[str], Tag(_LIST)],
    _either("'paper', 'since-2021', 'all' or a list", words=list(GROUPS)),
]
Compressions = Annotated[
    Annotated[CompressionRange, Tag(_RANGE)] | Annotated[list[Compression], Tag(_LIST)],
    _either("a list, or a mapping with from, to and per_decade"),
]
Seeds = Annotated[
    Annotated[SeedRange, Tag(_RANGE)] | Annotated[list[Seed], Field(min_length=1), Tag(_LIST)],
    _either("a list, or a mapping with from and to"),
]
Criteria = Annotated[list[Criterion], Field(min_length=1)]


class DatasetConfig(_Section):
    """A data set of the user's: other files for a registered one, or a folder of images."""

    variant_of: str | None = Field(None, description="the registered data set that it stands in for")
    files: dict[str, str] | None = Field(None, min_length=1, description="their checksums, by name")
    image_folder: str | None = Field(None, min_length=1, description="has train/<class> and test/<class>")
    size: tuple[Positive, Positive] | None = Field(None, description="height and width that images get")
    classes: Whole | None = Field(None, ge=2, description="number of classes in the folder")

    @model_validator(mode="after")
    def _one_kind(self):
        given = {key for key, value in self if value is not None}
        if given not in ({"variant_of", "files"}, {"image_folder", "size", "classes"}):
            raise ValueError(
                f"has {', '.join(sorted(given)) or 'no keys'}; give it either variant_of and files, or "
                f"image_folder, size and classes"
            )
        if self.variant_of and self.files:
            _known(self.variant_of, SOURCES, "data set", "variant_of")
            for name, checksum in self.files.items():
                RemoteFile(name, checksum)  # which refuses what is no name or no checksum
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        if self.size:
            return 3, *self.size
        return SOURCES[str(self.variant_of)].shape

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.classes or SOURCES[str(self.variant_of)].classes


class ArchitectureConfig(_Section):
    """What the study does with one network."""

    dataset: str = Field(description="name of a data set")
    steps: Positive | None = Field(None, description="optimizer steps; the paper's if not given")
    steps_per_round: Positive | None = Field(
        None, description="optimizer steps of each training inside a pruner; `steps` if not given"
    )
    batch_size: Whole | None = Field(None, ge=2, description="samples in a batch; the paper's if not given")
    evaluate_every: Positive | None = Field(None, description="steps between rows of the history")
    pruners: Pruners | None = Field(None, description="instead of the study's")
    compressions: Compressions | None = Field(None, description="instead of the study's")
    levels_per_job: Positive | None = Field(
        None, description="compressions trained in one job; all if not given"
    )
    pruners_per_job: Literal["one", "all"] = Field(
        "one", description="all: one job counts the subnetworks of all pruners, and one trains them"
    )


class PartConfig(_Section):
    """A part of a study, with pruners, criteria, compressions or seeds of its own instead of the study's."""

    pruners: Pruners | None = None
    criteria: Criteria | None = None
    compressions: Compressions | None = None
    seeds: Seeds | None = None
    train: bool = Field(True, description="if false, only count what is left of these subnetworks")


@dataclass(frozen=True)
class Part:
    """What a part of a study prunes and trains on one network: every combination of its values.

    Attributes:
        name: its key in the study file; empty for a study without parts.
        pruners, criteria: names.
        levels: target compressions by the name that they have in files.
        seeds: of the replicates.
        train: whether its subnetworks are trained.
    """

    name: str
    pruners: list[str]
    criteria: list[str]
    levels: dict[str, float]
    seeds: list[int]
    train: bool


class StudyConfig(_Section):
    """A study file."""

    study: str = Field(pattern=NAME, description="its folder in `results`")
    architectures: dict[str, ArchitectureConfig] = Field(min_length=1)
    only: list[str] | None = Field(None, min_length=1, description="those of the architectures to study")
    datasets: dict[Annotated[str, Field(pattern=NAME)], DatasetConfig] = {}
    train: bool = Field(True, description="if false, stop at the subnetworks and their connectivity")
    pruners: Pruners = Field("paper", description="names, or all (of the paper) that suit the network")
    criteria: Criteria = ["direct", "effective"]
    compressions: Compressions | None = Field(
        None, description="may be left out if every architecture or part has its own"
    )
    seeds: Seeds | None = Field(None, description="may be left out if every part has its own")
    parts: dict[Annotated[str, Field(pattern=NAME)], PartConfig] = {}
    snip_loss: Literal["cross-entropy", "linear"] = "cross-entropy"
    engine: Literal["auto", "packed", "masked"] = Field(
        "auto",
        description="packed trains all subnetworks of a job as one sparse network (LeNets only)",
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    max_hours: Annotated[float, BeforeValidator(_number)] = Field(
        24, gt=0, allow_inf_nan=False, description="the longest run time that a job asks a cluster for"
    )
    precision: Precision = Field("float32", description="of products in masked training")
    channels_last: AutoOrBool = "auto"
    compile: bool = False
    deterministic: bool = False
    results: Folder = "results"
    data: Folder = "data"
    mirrors: list[Mirror] = Field([], description="URLs of folders to fetch data sets from, tried first")

    @model_validator(mode="before")
    @classmethod
    def _only_some(cls, config):
        """Leaves the architectures that `only` names, if it names any."""
        match config:
            case {"only": [str(), *_] as names, "architectures": {**architectures}}:
                for name in names:
                    _known(str(name), architectures, "architecture", "only")
                return {**config, "architectures": {name: architectures[name] for name in names}}
        return config

    @model_validator(mode="after")
    def _consistent(self):
        for name in self.datasets:
            if name in SOURCES:
                raise ValueError(f"datasets.{name}: a registered data set; give yours another name")
        for architecture in self.architectures:
            _known(architecture, NETWORKS, "architecture", "architectures")
            self._check_fit(architecture)
            for one, other in combinations(self.parts_of(architecture), 2):
                _distinct(one, other)
        return self

    def _check_fit(self, architecture: str) -> None:
        name, key = self.architectures[architecture].dataset, f"architectures.{architecture}.dataset"
        datasets: dict[str, DatasetConfig | Source] = {**self.datasets, **SOURCES}
        dataset = datasets[_known(name, datasets, "data set", key)]
        network = NETWORKS[architecture]
        if network.input_shape != dataset.shape:
            raise ValueError(
                f"{key}: {name} has images {dataset.shape}, {architecture} takes {network.input_shape}"
            )
        self._check_batch_size(architecture, dataset)
        if not engine_for(network, self.engine).can_train(network):
            able = ", ".join(n for n, other in NETWORKS.items() if ENGINES[self.engine].can_train(other))
            raise ValueError(f"engine: {self.engine} trains {able} only, not {architecture}; use auto")

    def _check_batch_size(self, architecture: str, dataset: Source | DatasetConfig) -> None:
        """How many images a data set of the user's has, its download tells."""
        asked = self.architectures[architecture].batch_size
        if asked and isinstance(dataset, Source) and asked > dataset.size[0]:
            raise ValueError(
                f"architectures.{architecture}.batch_size: {asked} is above the {dataset.size[0]} training "
                f"images; give at most that"
            )

    def network(self, architecture: str) -> Network:
        """The network, with as many logits as its data set has classes."""
        name = self.architectures[architecture].dataset
        own = self.datasets.get(name)
        return NETWORKS[architecture].with_classes(own.n_classes if own else SOURCES[name].classes)

    def parts_of(self, architecture: str) -> list[Part]:
        """What the study does on `architecture`: its parts, or the one that a study without parts has."""
        if not self.parts:
            return [self._part(architecture, "", PartConfig())]
        return [self._part(architecture, name, part) for name, part in self.parts.items()]

    def _part(self, architecture: str, name: str, part: PartConfig) -> Part:
        return Part(
            name,
            self._pruners(architecture, name, part),
            _once("criteria", part.criteria or self.criteria),
            self._levels(architecture, part),
            self._seeds(name, part),
            self.train and part.train,
        )

    def _pruners(self, architecture: str, name: str, part: PartConfig) -> list[str]:
        """Names of pruners that the part compares on `architecture`, dense training not among them."""
        own = self.architectures[architecture].pruners
        asked, key = self.pruners, "pruners"
        if part.pruners is not None:
            asked, key = part.pruners, f"parts.{name}.pruners"
        elif own is not None:
            asked, key = own, f"architectures.{architecture}.pruners"
        pruners: list[str] = []
        for name in [asked] if isinstance(asked, str) else asked:
            _known(name, PRUNERS | GROUPS, "pruner", key)
            if name in GROUPS:
                pruners += [pruner for pruner in GROUPS[name] if not self._unsuitable(pruner, architecture)]
            elif reason := self._unsuitable(name, architecture):
                raise ValueError(
                    f"{key}: {name} {reason}; leave it out, or give architectures.{architecture} its own "
                    f"pruners"
                )
            else:
                pruners.append(name)
        if not pruners:
            raise ValueError(f"{key}: none for {architecture}; give at least one")
        return _once(key, pruners)

    def _unsuitable(self, pruner: str, architecture: str) -> str:
        """Why a pruner cannot be used, or nothing if it can."""
        if PRUNERS[pruner].convolutional_only and not NETWORKS[architecture].convolutional:
            return f"is for convolutional networks only and {architecture} has no convolution"
        if PRUNERS[pruner].fully_connected_only and NETWORKS[architecture].convolutional:
            return f"is for fully connected networks only and {architecture} has convolutions"
        if PRUNERS[pruner].needs_trained and not self.train:
            return "looks at trained weights and train is false"
        return ""

    def _levels(self, architecture: str, part: PartConfig) -> dict[str, float]:
        """Target compressions, rising, by the name that they have in files (six significant digits)."""
        asked = part.compressions or self.architectures[architecture].compressions or self.compressions
        if asked is None:
            raise ValueError(f"compressions: missing; give some to the study, or to {architecture}")
        values = sorted(asked.values if isinstance(asked, CompressionRange) else asked)
        names = [f"{value:.6g}" for value in values]
        if not names and isinstance(asked, CompressionRange):
            raise ValueError(f"compressions: to: {asked.to:g} is below from, {asked.start:g}; exchange them")
        if not names:
            raise ValueError("compressions: [] is empty; give at least one")
        for name, following in pairwise(names):
            if name == following:
                raise ValueError(f"compressions: {name} twice, to six significant digits; list each once")
        return {name: float(name) for name in names}

    def _seeds(self, name: str, part: PartConfig) -> list[int]:
        asked = part.seeds or self.seeds
        if asked is None:
            key = f"parts.{name}.seeds" if name else "seeds"
            raise ValueError(f"{key}: missing; add it (see docs/configuration.md)")
        return asked.values if isinstance(asked, SeedRange) else _once("seeds", asked)


def _once(key: str, values: list) -> list:
    """`values`, none of which may occur twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"{key}: {values} has duplicates; list each once")
    return list(values)


def _distinct(one: Part, other: Part) -> None:
    """Refuse two parts that have a subnetwork in common."""
    shared = [
        next((value for value in getattr(one, key) if value in set(getattr(other, key))), None)
        for key in ("pruners", "criteria", "levels", "seeds")
    ]
    if None not in shared:
        pruner, criterion, level, seed = shared
        raise ValueError(
            f"parts.{other.name}: has {pruner}, {criterion}, at {level} with seed {seed}, as {one.name} "
            f"has; leave it out of one"
        )


def _known(name: str, registry: dict, what: str, key: str) -> str:
    if name not in registry:
        close = difflib.get_close_matches(name, registry, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(registry)}"
        raise ValueError(f"{key}: unknown {what} {name!r}; {hint}")
    return name


def read_config(config: dict) -> StudyConfig:
    """The checked configuration.

    Raises:
        UserError: the first thing that is wrong, in one line with its key and value.
    """
    try:
        return StudyConfig.model_validate(config)
    except ValidationError as errors:
        raise UserError(_one_line(errors)) from None


def _one_line(errors: ValidationError) -> str:
    # Of several, an unknown key says most: it may be why another one is missing.
    error = min(errors.errors(), key=lambda error: error["type"] != "extra_forbidden")
    context = error.get("ctx", {})
    place = [str(part) for part in error["loc"] if part not in _NO_PLACE]
    match error["type"]:
        case "extra_forbidden":
            known = _fields_at(error["loc"][:-1])
            close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(known)}"
            reason = f"unknown key; {hint}"
        case "missing":
            reason = "missing; add it (see docs/configuration.md)"
        case "value_error":
            reason = str(context["error"])
        case kind:
            wanted = _WANTED.get(kind, error["msg"]).format(**context)
            reason = f"should be {wanted}, not {error['input']!r}"
    return ": ".join(["config", *[".".join(place)][: len(place)], reason])


# Parts of pydantic's locations that are not in the file.
_NO_PLACE = (*_ALTERNATIVES, "[key]")

# What a value should have been, by pydantic's types of error and with their contexts.
_WANTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_type": "a whole number",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le:g}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_type": "a mapping of keys to values",
    "string_pattern_mismatch": "letters, digits, dots, - and _, a letter or digit first",
    "string_too_short": "of length at least {min_length}",
    "string_type": "text",
    "too_short": "of length at least {min_length}",
    "too_long": "of length at most {max_length}",
    "tuple_type": "a list",
}


def _fields_at(location: tuple) -> list[str]:
    section: dict[str, type[BaseModel]] = {
        "architectures": ArchitectureConfig,
        "compressions": CompressionRange,
        "datasets": DatasetConfig,
        "parts": PartConfig,
        "seeds": SeedRange,
    }
    model = next((section[str(part)] for part in reversed(location) if str(part) in section), StudyConfig)
    keys = [field.alias or name for name, field in model.model_fields.items()]
    return [*keys, "include"] if model is StudyConfig else keys
