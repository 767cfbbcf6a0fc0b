"""The values of a study file: numbers, folders, and lists or ranges of compressions and seeds."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from effective_sparsity.datasets.fetch import list_mirrors
from effective_sparsity.pruning.pruners import GROUPS
from effective_sparsity.pruning.ranking import Criterion
from effective_sparsity.training.execution import Choice

# Names of files and folders.
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


def _number(value: object) -> object:
    """Refuses true and false, which Python takes for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"should be a number, not {value}")
    return value


Number = Annotated[float, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_number)]
Positive = Annotated[Whole, Field(ge=1)]
# No network has so many weights that a larger one would leave any.
Compression = Annotated[Number, Field(ge=1, le=1e9, allow_inf_nan=False)]
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

# Tags of a value's alternatives, which pydantic puts into locations.
_LIST, _RANGE, _WORD = ALTERNATIVES = ("(list)", "(range)", "(word)")


def _alternatives(expected: str, words: Sequence[str] = ()) -> Discriminator:
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


class Section(BaseModel):
    """A mapping of a study file, which refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Known keys that are read before the section is checked.
    other_keys: ClassVar[Sequence[str]] = ()

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, section):
        fields = [field.alias or name for name, field in cls.model_fields.items()]
        known = [*fields, *cls.other_keys]
        for key in section if isinstance(section, dict) else ():
            if key not in known:
                raise PydanticCustomError("unknown_key", "unknown key", {"key": str(key), "known": known})
        return section


class CompressionRange(Section):
    """Compressions from `from` to `to`, `per_decade` to each power of ten."""

    start: Compression = Field(alias="from")
    to: Compression
    per_decade: Positive = Field(le=1000)

    @property
    def values(self) -> list[float]:
        """`from` * 10^(i / per_decade) for i = 0, 1, ... up to `to`."""
        n_steps = math.floor(math.log10(self.to / self.start) * self.per_decade + 1e-9)
        return [self.start * 10 ** (i / self.per_decade) for i in range(n_steps + 1)]


class SeedRange(Section):
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
    _alternatives("'paper', 'since-2021', 'all' or a list", words=GROUPS),
]
Compressions = Annotated[
    Annotated[CompressionRange, Tag(_RANGE)] | Annotated[list[Compression], Tag(_LIST)],
    _alternatives("a list, or a mapping with from, to and per_decade"),
]
Seeds = Annotated[
    Annotated[SeedRange, Tag(_RANGE)] | Annotated[list[Seed], Field(min_length=1), Tag(_LIST)],
    _alternatives("a list, or a mapping with from and to"),
]
Criteria = Annotated[list[Criterion], Field(min_length=1)]
