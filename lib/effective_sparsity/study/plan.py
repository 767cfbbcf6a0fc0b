"""What a study runs: its recipes, files and jobs."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from effective_sparsity.datasets.registry import SOURCES
from effective_sparsity.errors import UserError
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.study.config import StudyConfig
from effective_sparsity.study.resources import Estimate, Needs
from effective_sparsity.training.recipe import Recipe

# Training and test images that a folder of the user's is taken to have, to estimate what jobs need.
IMAGES_IN_A_FOLDER = (100_000, 10_000)


# Stands for a pruner in a `Share` that every pruner has.
ANY_PRUNER = "{pruner}"


@dataclass(frozen=True)
class Share:
    """What a retraining job trains, under all criteria.

    Attributes:
        name: of its log and other files; may contain `ANY_PRUNER`.
        pruners: names, or `ANY_PRUNER` alone if there is such a job for each pruner.
        levels: names.
    """

    name: str
    pruners: list[str]
    levels: list[str]


@dataclass(frozen=True)
class Plan:
    """The runs that follow from a study's configuration."""

    study: StudyConfig

    def check_folders(self) -> None:
        """Raise UserError if the folder of the results or of the data cannot be written to."""
        study = self.study
        for key, folder in {"results": Path(study.results, study.study), "data": Path(study.data)}.items():
            try:
                existing = next(path for path in [folder, *folder.absolute().parents] if path.exists())
                writable = existing.is_dir() and os.access(existing, os.W_OK)
            except OSError as error:
                raise UserError(f"config: {key}: {folder}: {error.strerror}; name another folder") from None
            if not writable:
                raise UserError(
                    f"config: {key}: {folder} cannot be written ({existing}); name another folder"
                )

    def check_device(self, elsewhere: bool) -> None:
        """Raise UserError if jobs that run on other machines were planned for the GPUs of this one."""
        if elsewhere and self.study.device == "auto":
            raise UserError(
                "config: device: auto looks for a GPU on this machine, and the jobs run on others; add "
                "--config device=cuda, or device=cpu"
            )

    def own_dataset(self, name: str) -> dict:
        """What `datasets.prepare` must know of a data set of the user's; nothing for a registered one."""
        own = self.study.datasets.get(name)
        return own.model_dump(exclude_none=True) if own else {}

    def recipe(self, architecture: str) -> Recipe:
        """The paper's recipe of an architecture, shortened as the study asks."""
        settings = self.study.architectures[architecture]
        recipe = NETWORKS[architecture].recipe
        if settings.steps:
            recipe = recipe.scaled_to(settings.steps)
        if settings.evaluate_every:
            recipe = replace(recipe, evaluate_every=settings.evaluate_every)
        return recipe

    def engine(self, architecture: str) -> str:
        """The training engine: "packed" where it can train the network, unless the study asks otherwise."""
        if self.study.engine != "auto":
            return self.study.engine
        return "masked" if NETWORKS[architecture].layers is None else "packed"

    def precision(self, architecture: str) -> str:
        """The precision of a training job; the packed engine has but one."""
        return "float32" if self.engine(architecture) == "packed" else self.study.precision

    def gpus(self, architecture: str) -> int:
        """Graphics processors that a training job of `architecture` asks for."""
        if self.engine(architecture) == "packed" or self.study.device == "cpu":
            return 0
        return int(self.study.device == "cuda" or Path("/dev/nvidiactl").exists())

    def needs(self, stage: str, architecture: str, pruner: str = "", share: Share | None = None) -> Needs:
        """What a job is estimated to need.

        Args:
            stage: "train_dense", "rank", "subnetworks", "retrain" or "evaluate".
            pruner: of "rank".
            share: of "retrain".
        """
        estimate = Estimate(
            self.study.network(architecture),
            self.recipe(architecture),
            self._images(architecture),
            self.study.max_hours,
        )
        n_levels = len(self.study.levels_of(architecture))
        match stage:
            case "train_dense":
                # By either engine: "packed" takes as long, since there is nothing to leave out.
                return estimate.training("masked", 1, self.gpus(architecture))
            case "rank":
                # SNIP, SNIP-iterative and GraSP pass many samples through the network.
                gpus = self.gpus(architecture) if PRUNERS[pruner].needs_data else 0
                return estimate.ranking(PRUNERS[pruner], n_levels, gpus)
            case "subnetworks":
                return estimate.reading(len(self.study.criteria) * n_levels)
            case "retrain":
                n_networks = len(self.study.criteria) * len(share.levels) * len(share.pruners)
                return estimate.training(self.engine(architecture), n_networks, self.gpus(architecture))
            case "evaluate":
                return estimate.evaluation(1 + len(self.subnetworks(architecture)), self.gpus(architecture))
        raise ValueError(f"unknown stage {stage!r}")

    def _images(self, architecture: str) -> tuple[int, int]:
        """Number of training and of test images of a network's data set."""
        name = self.study.architectures[architecture].dataset
        own = self.study.datasets.get(name)
        source = own.variant_of if own else name
        return SOURCES[source].size if source else IMAGES_IN_A_FOLDER

    def shares(self, architecture: str) -> list[Share]:
        """The subnetworks of a replicate, divided among the jobs that train them."""
        settings = self.study.architectures[architecture]
        pruners, prefix = [ANY_PRUNER], f"{ANY_PRUNER}-"
        if settings.pruners_per_job == "all":
            pruners, prefix = self.study.pruners_of(architecture), ""
        levels = list(self.study.levels_of(architecture))
        size = settings.levels_per_job or len(levels)
        parts = [levels[start : start + size] for start in range(0, len(levels), size)]
        return [Share(f"{prefix}{number}", pruners, part) for number, part in enumerate(parts, start=1)]

    def subnetworks(self, architecture: str) -> list[dict]:
        """Pruner, criterion and target compression of each subnetwork of a replicate, and its `level`."""
        return [
            {"pruner": pruner, "criterion": criterion, "target_compression": compression, "level": level}
            for pruner in self.study.pruners_of(architecture)
            for criterion in self.study.criteria
            for level, compression in self.study.levels_of(architecture).items()
        ]

    def files(self, pattern: str) -> list[str]:
        """The files of `pattern` for all replicates; its wildcards: architecture, seed and perhaps pruner."""
        files = [
            pattern.format(architecture=architecture, seed=seed, pruner=pruner)
            for architecture in self.study.architectures
            for seed in self.study.seeds
            for pruner in self.study.pruners_of(architecture)
        ]
        return list(dict.fromkeys(files))
