"""Where and how training computes, apart from what it computes (no torch: the workflow reads this)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from effective_sparsity.errors import UserError

Precision = Literal["float32", "tf32", "bfloat16"]
Choice = Literal["auto", True, False]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Options of the masked engine. Only `precision` is part of a result; the others change its rounding.

    Args:
        device: "auto" (CUDA if there is one), "cpu", "cuda" or "cuda:1".
        threads: Of the CPU; None leaves PyTorch's setting. The packed engine always uses one.
        precision: Of matrix products and convolutions in training. "float32" is float32 throughout; "tf32"
            lets a GPU round their factors to ten bits; "bfloat16" runs the network under autocast, with
            weights, gradients and the optimizer in float32. Evaluation is in float32 always.
        channels_last: Whether images and kernels of convolutions lie with their channels last; "auto":
            always, but on CUDA in float32.
        compile: Whether the network is compiled by `torch.compile`, on CUDA with CUDA graphs.
        deterministic: Whether a GPU must give the same bits again, at the cost of speed. A CPU always does.

    Raises:
        UserError: If a value is none of these.
    """

    device: str = "auto"
    threads: int | None = None
    precision: Precision = "float32"
    channels_last: Choice = "auto"
    compile: bool = False
    deterministic: bool = False

    def __post_init__(self) -> None:
        for key, allowed in (
            ("precision", get_args(Precision)),
            ("channels_last", get_args(Choice)),
            ("compile", (True, False)),
            ("deterministic", (True, False)),
        ):
            value = getattr(self, key)
            if value not in allowed:
                raise UserError(f"{key}: {value!r} is unknown; use {', '.join(map(str, allowed))}")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Execution":
        """The options among the settings of a study."""
        return cls(**{field.name: settings[field.name] for field in fields(cls) if field.name in settings})
