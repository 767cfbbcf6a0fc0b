"""The configuration of a study: its sections, defaults and checks."""

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from effective_sparsity.datasets.fetch import RemoteFile
from effective_sparsity.datasets.registry import SOURCES, Source
from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import NETWORKS, Network
from effective_sparsity.pruning.pruners import GROUPS, PRUNERS, named
from effective_sparsity.study.messages import known, one_line
from effective_sparsity.study.values import (
    NAME,
    AutoOrBool,
    CompressionRange,
    Compressions,
    Criteria,
    Folder,
    Mirror,
    Number,
    Positive,
    Pruners,
    Section,
    SeedRange,
    Seeds,
    Whole,
)
from effective_sparsity.training.engines import ENGINES, engine_for
from effective_sparsity.training.execution import Precision


class DatasetConfig(Section):
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
            known(self.variant_of, SOURCES, "data set", "variant_of")
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


class ArchitectureConfig(Section):
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


class PartConfig(Section):
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


class StudyConfig(Section):
    """A study file, with what it includes."""

    other_keys = ("include",)

    study: str = Field(pattern=NAME, description="its folder in `results`")
    architectures: dict[str, ArchitectureConfig] = Field(min_length=1)
    only: list[str] | None = Field(None, min_length=1, description="those of the architectures to study")
    datasets: dict[Annotated[str, Field(pattern=NAME)], DatasetConfig] = Field(
        {}, description="of the user's own"
    )
    train: bool = Field(True, description="if false, stop at the subnetworks and their connectivity")
    pruners: Pruners = Field("paper", description="names, or all (of the paper) that suit the network")
    criteria: Criteria = Field(["direct", "effective"])
    compressions: Compressions | None = Field(
        None, description="may be left out if every architecture or part has its own"
    )
    seeds: Seeds | None = Field(None, description="may be left out if every part has its own")
    parts: dict[Annotated[str, Field(pattern=NAME)], PartConfig] = Field(
        {}, description="with settings of their own"
    )
    live_input_deviation: Number | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="also count paths from those inputs alone whose standard deviation is above it",
    )
    snip_loss: Literal["cross-entropy", "linear"] = "cross-entropy"
    engine: Literal["auto", "packed", "masked"] = Field(
        "auto",
        description="packed trains all subnetworks of a job as one sparse network (LeNets only)",
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    max_hours: Number = Field(
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
                    known(str(name), architectures, "architecture", "only")
                return {**config, "architectures": {name: architectures[name] for name in names}}
        return config

    @model_validator(mode="after")
    def _consistent(self):
        for name in self.datasets:
            if name in SOURCES:
                raise ValueError(f"datasets.{name}: a registered data set; give yours another name")
        for architecture in self.architectures:
            known(architecture, NETWORKS, "architecture", "architectures")
            self._check_fit(architecture)
            for one, other in combinations(self.parts_of(architecture), 2):
                _refuse_overlap(one, other)
        return self

    def _check_fit(self, architecture: str) -> None:
        name, key = self.architectures[architecture].dataset, f"architectures.{architecture}.dataset"
        datasets: dict[str, DatasetConfig | Source] = {**self.datasets, **SOURCES}
        dataset = datasets[known(name, datasets, "data set", key)]
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
            _without_duplicates("criteria", part.criteria or self.criteria),
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
            known(name, [*PRUNERS, *GROUPS], "pruner", key)
            if name in GROUPS:
                pruners += [pruner for pruner in named(name) if not self._unsuitable(pruner, architecture)]
            elif reason := self._unsuitable(name, architecture):
                raise ValueError(
                    f"{key}: {name} {reason}; leave it out, or give architectures.{architecture} its own "
                    f"pruners"
                )
            else:
                pruners.append(name)
        if not pruners:
            raise ValueError(f"{key}: none for {architecture}; give at least one")
        return _without_duplicates(key, pruners)

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
        return asked.values if isinstance(asked, SeedRange) else _without_duplicates("seeds", asked)


def _without_duplicates(key: str, values: list) -> list:
    """`values`, none of which may occur twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"{key}: {values} has duplicates; list each once")
    return list(values)


def _refuse_overlap(one: Part, other: Part) -> None:
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


def read_config(config: dict) -> StudyConfig:
    """The checked configuration.

    Raises:
        UserError: the first thing that is wrong, in one line with its key and value.
    """
    try:
        return StudyConfig.model_validate(config)
    except ValidationError as errors:
        raise UserError(one_line(errors)) from None
