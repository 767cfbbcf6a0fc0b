"""What a model calls its parameters, inputs and outputs: all that scores need to know of it."""

from dataclasses import dataclass

from effective_sparsity.errors import UserError

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Signature:
    """The names and shapes of a model's parameters, inputs and outputs.

    Attributes:
        shapes: of all parameters, in the model's order.
        entangled: name of each that reaches its layer mixed with others -> the operation that mixed them.
        shared: further name of a parameter -> its first name.
        aliases: name in the model that was given -> name that is used here, where they differ.
        unreached: names of weights of layers that the input never meets.
        inputs, outputs: their names.
        assumed: operations that were taken to conduct all.
    """

    shapes: Shapes
    entangled: dict[str, str]
    shared: dict[str, str]
    aliases: dict[str, str]
    unreached: list[str]
    inputs: list[str]
    outputs: list[str]
    assumed: list[str]

    def __post_init__(self) -> None:
        shapes = {name: tuple(shape) for name, shape in self.shapes.items()}  # lists in JSON
        object.__setattr__(self, "shapes", shapes)

    def canonical(self, name: str) -> str:
        """The name that is used here."""
        return self.aliases.get(name, name)

    def check(self, name: str, shape: tuple[int, ...], usable: Shapes) -> None:
        """Raises UserError unless scores of this name and shape can be used."""
        known = self.canonical(name)
        if known in self.entangled:
            raise UserError(
                f"{name!r} reaches its layer through {self.entangled[known]}, which does not keep single "
                "weights apart; leave it out of the scores"
            )
        if known in self.shared:
            raise UserError(
                f"{name!r} is the same parameter as {self.shared[known]!r}; give scores to that name"
            )
        if known not in self.shapes:
            raise UserError(f"the model has no parameter {name!r}; its weights are {', '.join(usable)}")
        if known in self.unreached:
            raise UserError(f"{name!r} is a weight that the input never meets; leave it out of the scores")
        if known not in usable:
            raise UserError(
                f"{name!r} is not the weight of a linear or convolution operation of the evaluated "
                "model; leave it out of the scores"
            )
        if shape != usable[known]:
            raise UserError(
                f"{name!r} was given in shape {shape}; give one number per weight, shape {usable[known]}"
            )
