"""The training recipe: stochastic gradient descent with a stepwise learning rate."""

from dataclasses import dataclass, replace

from effective_sparsity.errors import UserError

AUGMENTATIONS = ("rotation", "flip_shift", "none")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How every network of a study is trained.

    Args:
        steps: Optimizer steps in all.
        batch_size: Samples in a batch; at least 2, because batch norm needs a variance.
        learning_rate: Rate of the first step.
        milestones: Steps from which the rate is multiplied by `gamma` once more.
        gamma: Factor at each milestone.
        momentum: Momentum of SGD (no Nesterov, no dampening).
        weight_decay: Coefficient of the kernels in their own gradient (the convention of PyTorch: the
            gradient of `weight_decay / 2 * w**2`). Biases and batch norm are not decayed.
        evaluate_every: Steps between two evaluations on the test set.
        augmentation: One of `AUGMENTATIONS`; see `training.augmentation.draw`.

    Raises:
        UserError: If a value is out of its range.
    """

    steps: int
    batch_size: int
    learning_rate: float
    milestones: tuple[int, ...]
    gamma: float = 0.1
    momentum: float = 0.9
    weight_decay: float
    evaluate_every: int
    augmentation: str

    def __post_init__(self):
        object.__setattr__(self, "milestones", tuple(self.milestones))
        for key, smallest in (("steps", 1), ("batch_size", 2), ("evaluate_every", 1)):
            value = getattr(self, key)
            if not isinstance(value, int) or value < smallest:
                raise UserError(f"{key}: {value!r} is not an integer of at least {smallest}")
        for key in ("learning_rate", "gamma", "momentum", "weight_decay"):
            value = getattr(self, key)
            if not 0 <= value < float("inf"):
                raise UserError(f"{key}: {value!r} is not a finite number of at least 0")
        if list(self.milestones) != sorted(set(self.milestones)) or min(self.milestones, default=1) < 1:
            raise UserError(f"milestones: {self.milestones!r} are not increasing steps of at least 1")
        if self.augmentation not in AUGMENTATIONS:
            raise UserError(f"augmentation: {self.augmentation!r} is unknown; use {', '.join(AUGMENTATIONS)}")

    def rate(self, step: int) -> float:
        """Learning rate of the update number `step`, counted from 0."""
        return self.learning_rate * self.gamma ** sum(step >= milestone for milestone in self.milestones)

    def evaluates_after(self, step: int) -> bool:
        """Whether the test set is evaluated once the first `step` updates are done."""
        return step % self.evaluate_every == 0 or step == self.steps

    def scaled_to(self, steps: int) -> "Recipe":
        """The same recipe in another number of steps, its milestones moved in proportion.

        Milestones that a very short schedule lets coincide, or moves to its start, are dropped.
        """
        moved = {round(milestone * steps / self.steps) for milestone in self.milestones}
        return replace(self, steps=steps, milestones=tuple(sorted(moved - {0})))
