"""The configuration of a study: schema, defaults and checks."""

import difflib
import math
import re
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from effective_sparsity.datasets.registry import SOURCES
from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.pruning.ranking import Criterion

Compression = Annotated[float, Field(ge=1, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class CompressionRange(_Section):
    """Compressions from `from` to `to`, `per_decade` to each power of ten."""

    start: Compression = Field(alias="from")
    to: Compression
    per_decade: int = Field(ge=1)

    @property
    def values(self) -> list[float]:
        """`from` * 10^(i / per_decade) for i = 0, 1, ... up to `to`."""
        n_steps = math.floor(math.log10(self.to / self.start) * self.per_decade + 1e-9)
        return [self.start * 10 ** (i / self.per_decade) for i in range(n_steps + 1)]


class ArchitectureConfig(_Section):
    """What the study does with one network."""

    dataset: str = Field(description="name of a data set")
    steps: int | None = Field(None, ge=1, description="optimizer steps; the paper's if not given")
    evaluate_every: int | None = Field(None, ge=1, description="steps between rows of the history")
    pruners: Literal["all"] | list[str] | None = Field(None, description="instead of the study's")
    compressions: CompressionRange | list[Compression] | None = Field(
        None, description="instead of the study's"
    )
    levels_per_job: int | None = Field(
        None, ge=1, description="compressions trained in one job; all if not given"
    )

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, name: str) -> str:
        return _known(name, SOURCES, "data set")


class StudyConfig(_Section):
    """A study file."""

    study: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="its folder in `results`")
    architectures: dict[str, ArchitectureConfig] = Field(min_length=1)
    pruners: Literal["all"] | list[str] = Field("all", description="names, or all that suit the network")
    criteria: list[Criterion] = Field(["direct", "effective"], min_length=1)
    compressions: CompressionRange | list[Compression]
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    snip_loss: Literal["cross-entropy", "linear"] = "cross-entropy"
    engine: Literal["auto", "packed", "masked"] = Field(
        "auto",
        description="packed trains all subnetworks of a job as one sparse network (fully-connected only)",
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    results: str = Field("results", min_length=1)
    data: str = Field("data", min_length=1)
    mirrors: list[str] = Field([], description="URLs of folders to fetch data sets from, tried first")

    @field_validator("architectures")
    @classmethod
    def _known_architectures(cls, architectures: dict) -> dict:
        for name in architectures:
            _known(name, NETWORKS, "architecture")
        return architectures

    @model_validator(mode="after")
    def _consistent(self):
        for key in ("criteria", "seeds"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: {values} has duplicates; list each once")
        for architecture, settings in self.architectures.items():
            self._check_fit(architecture, settings)
            self.pruners_of(architecture)
            self.levels_of(architecture)
        return self

    def _check_fit(self, architecture: str, settings: ArchitectureConfig) -> None:
        network, dataset = NETWORKS[architecture], SOURCES[settings.dataset]
        if (network.input_shape, network.classes) != (dataset.shape, dataset.classes):
            raise ValueError(
                f"architectures.{architecture}.dataset: {settings.dataset} has images {dataset.shape} of "
                f"{dataset.classes} classes, {architecture} takes {network.input_shape} of {network.classes}"
            )
        if self.engine == "packed" and network.convolutional:
            raise ValueError(
                f"engine: packed trains fully-connected networks only, not {architecture}; use auto"
            )

    def pruners_of(self, architecture: str) -> list[str]:
        """Pruners that the study compares on `architecture`, dense training not among them."""
        asked = self.architectures[architecture].pruners or self.pruners
        fully_connected = not NETWORKS[architecture].convolutional
        if asked == "all":
            return [name for name, p in PRUNERS.items() if not (fully_connected and p.convolutional_only)]
        for name in asked:
            _known(name, PRUNERS, "pruner")
            if fully_connected and PRUNERS[name].convolutional_only:
                raise ValueError(
                    f"pruners: {name} is for convolutional networks only and {architecture} has no "
                    f"convolution; leave it out, or give architectures.{architecture} its own pruners"
                )
        if len(set(asked)) < len(asked):
            raise ValueError(f"pruners: {asked} has duplicates; list each once")
        return list(asked)

    def levels_of(self, architecture: str) -> dict[str, float]:
        """Target compressions, rising, by the name that they have in files (six significant digits)."""
        asked = self.architectures[architecture].compressions or self.compressions
        values = sorted(asked.values if isinstance(asked, CompressionRange) else asked)
        names = [f"{value:.6g}" for value in values]
        if not names:
            raise ValueError(f"compressions: {asked} is empty; give at least one")
        for name, following in pairwise(names):
            if name == following:
                raise ValueError(f"compressions: {name} twice, to six significant digits; list each once")
        return {name: float(name) for name in names}


def _known(name: str, registry: dict, what: str) -> str:
    if name not in registry:
        close = difflib.get_close_matches(name, registry, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(registry)}"
        raise ValueError(f"unknown {what} {name!r}; {hint}")
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
    # Of the alternatives of a union, the one that got furthest says most.
    error = max(errors.errors(), key=lambda e: (e["type"] == "extra_forbidden", len(e["loc"])))
    key = ".".join(str(part) for part in error["loc"] if not re.search(r"[A-Z\[(]", str(part)))
    if error["type"] == "extra_forbidden":
        known = _fields_at(error["loc"][:-1])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(known)}"
        return f"config: {key}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"config: {key}: missing; add it (see config.yaml)"
    message = str(error.get("ctx", {}).get("error", "")) or f"{error['msg']}, not {error['input']!r}"
    return f"config: {key}: {message}" if key else f"config: {message}"


def _fields_at(location: tuple) -> list[str]:
    section = {"architectures": ArchitectureConfig, "compressions": CompressionRange}
    model = next((section[str(part)] for part in reversed(location) if str(part) in section), StudyConfig)
    return [field.alias or name for name, field in model.model_fields.items()]
