"""The engines, and what each is for (no torch, no pandas: the workflow reads this).

An engine is a module with a function `train`, and a class that follows `loop.Engine`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeVar

from effective_sparsity.networks.registry import Network
from effective_sparsity.networks.types import Masks, State
from effective_sparsity.training.checkpoint import fingerprint
from effective_sparsity.training.execution import Precision

if TYPE_CHECKING:  # which would import pandas
    from effective_sparsity.training.result import Trained
    from effective_sparsity.training.run import Run

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """An engine before it is imported.

    Attributes:
        name: in the configuration.
        module: has `train(network, initial, masks, run)`, from a list of masks to a list of results.
        weights: whether it trains the kept weights of a subnetwork or the active ones alone. In plain
            networks both follow the same trajectory, since batch norm subtracts what units and channels
            without live inputs emit.
        only_plain: whether it trains plain networks (`Network.layers`) only.
        uses_gpu: whether it can use a graphics processor.
        precisions: that it offers; it computes in the first one if asked for another.
    """

    name: str
    module: str
    weights: Literal["kept", "active"]
    only_plain: bool
    uses_gpu: bool
    precisions: tuple[Precision, ...]

    def can_train(self, network: Network) -> bool:
        """Whether this engine can train a network."""
        return bool(network.layers) or not self.only_plain

    def precision(self, asked: Precision) -> Precision:
        """The precision that it computes in."""
        return asked if asked in self.precisions else self.precisions[0]


ENGINES = {
    engine.name: engine
    for engine in (
        EngineInfo(
            name="packed",
            module="effective_sparsity.training.packed.engine",
            weights="active",
            only_plain=True,
            uses_gpu=False,
            precisions=("float32",),
        ),
        EngineInfo(
            name="masked",
            module="effective_sparsity.training.masked",
            weights="kept",
            only_plain=False,
            uses_gpu=True,
            precisions=("float32", "tf32", "bfloat16"),
        ),
    )
}


def engine_for(network: Network, setting: str = "auto") -> EngineInfo:
    """The engine that a study's setting means; "auto" is the first that can train the network."""
    if setting == "auto":
        return next(engine for engine in ENGINES.values() if engine.can_train(network))
    return ENGINES[setting]


def train(
    engine: str, network: Network, initial: State, subnetworks: dict[Key, Masks], run: Run
) -> dict[Key, Trained]:
    """Train every subnetwork from the same initial state on the same batches; results by the same keys.

    Equal subnetworks are trained once and share their result.

    Args:
        engine: one of `ENGINES`.
        subnetworks: masks of the weights to train, of the kind that the engine's `weights` says; kernels
            without a mask are dense.
        run: data, recipe and seed. Its `work` is a folder for what is needed to resume after an interruption,
            and to return the same results again; for the caller to remove once they are stored.
    """
    contents = {key: fingerprint(masks=masks) for key, masks in subnetworks.items()}
    distinct = {contents[key]: masks for key, masks in subnetworks.items()}
    module = import_module(ENGINES[engine].module)
    results = module.train(network, initial, list(distinct.values()), run) if distinct else []
    by_content = dict(zip(distinct, results, strict=True))
    return {key: by_content[content] for key, content in contents.items()}
