"""What a study runs: its recipes, files and jobs."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from effective_sparsity.errors import UserError
from effective_sparsity.networks.recipe import Recipe
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.pruning.pruners import PRUNERS
from effective_sparsity.study.config import Part, StudyConfig
from effective_sparsity.study.resources import Estimate, Needs
from effective_sparsity.training.engines import EngineInfo, engine_for
from effective_sparsity.training.execution import Precision

# Files of a study, relative to its folder.
REPLICATE_FOLDER = "{architecture}/seed-{seed}"
DENSE_FILE = f"{REPLICATE_FOLDER}/dense/trained.safetensors"
TRAINED_FILE = f"{REPLICATE_FOLDER}/{{pruner}}/{{criterion}}/c{{level}}.safetensors"

# In the name of a job that each pruner has: the place of the pruner's name.
ANY_PRUNER = "{pruner}"
# In place of a pruner's name where one job counts the subnetworks of all.
ALL_PRUNERS = "all"


@dataclass(frozen=True)
class Share:
    """What a retraining job trains: a share of the subnetworks of a part of the study.

    Attributes:
        name: of its log and other files; contains `ANY_PRUNER` if there is such a job for each pruner.
        part: its pruners, criteria and seeds.
        levels: names.
    """

    name: str
    part: Part
    levels: list[str]

    @property
    def pruners(self) -> list[str]:
        """Of one job: names, or `ANY_PRUNER` alone."""
        return [ANY_PRUNER] if ANY_PRUNER in self.name else self.part.pruners

    @property
    def jobs(self) -> list[list[str]]:
        """The pruners of each job of a replicate."""
        return [[pruner] for pruner in self.part.pruners] if ANY_PRUNER in self.name else [self.part.pruners]


@dataclass(frozen=True)
class Plan:
    """The runs that follow from a study's configuration."""

    study: StudyConfig

    @property
    def root(self) -> str:
        """The folder of the study's results."""
        return f"{self.study.results}/{self.study.study}"

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

    def is_image_folder(self, name: str) -> bool:
        """Whether a data set is made from a folder of the user's, of which no checksums are known."""
        own = self.study.datasets.get(name)
        return bool(own and own.image_folder)

    def own_dataset(self, name: str) -> dict:
        """What `datasets.prepare` must know of a data set of the user's; nothing for a registered one."""
        own = self.study.datasets.get(name)
        return own.model_dump(exclude_none=True) if own else {}

    def batch_sizes(self, dataset: str) -> dict[str, int]:
        """The samples in a batch of each architecture that is trained on a data set."""
        architectures = self.study.architectures if self.study.train else {}
        return {
            architecture: self.recipe(architecture).batch_size
            for architecture, settings in architectures.items()
            if settings.dataset == dataset
        }

    def recipe(self, architecture: str) -> Recipe:
        """The paper's recipe of an architecture, changed as the study asks."""
        settings = self.study.architectures[architecture]
        recipe = NETWORKS[architecture].recipe
        if settings.steps:
            recipe = recipe.scaled_to(settings.steps)
        if settings.batch_size:
            recipe = replace(recipe, batch_size=settings.batch_size)
        if settings.evaluate_every:
            recipe = replace(recipe, evaluate_every=settings.evaluate_every)
        return recipe

    def round_recipe(self, architecture: str) -> Recipe:
        """The recipe of the trainings inside a pruner, which are evaluated at the end alone."""
        recipe = self.recipe(architecture)
        recipe = recipe.scaled_to(self.study.architectures[architecture].steps_per_round or recipe.steps)
        return replace(recipe, evaluate_every=recipe.steps)

    def engine(self, architecture: str) -> EngineInfo:
        """The training engine of a network."""
        return engine_for(NETWORKS[architecture], self.study.engine)

    def precision(self, architecture: str) -> Precision:
        """The precision of a training job."""
        return self.engine(architecture).precision(self.study.precision)

    def gpus(self, architecture: str) -> int:
        """Graphics processors that a training job of `architecture` asks for."""
        if not self.engine(architecture).uses_gpu or self.study.device == "cpu":
            return 0
        return int(self.study.device == "cuda" or Path("/dev/nvidiactl").exists())

    def needs(self, stage: str, architecture: str, pruner: str = "", share: Share | None = None) -> Needs:
        """What a job is estimated to need.

        Args:
            stage: "train_dense", "rank", "subnetworks", "retrain" or "evaluate".
            pruner: of "rank" and "subnetworks", where it may be `ALL_PRUNERS`.
            share: of "retrain".
        """
        # Of the pruners, SNIP, SNIP-iterative and GraSP pass many samples through the network.
        on_cpu = stage == "subnetworks" or (stage == "rank" and not PRUNERS[pruner].needs_data)
        gpus = 0 if on_cpu else self.gpus(architecture)
        estimate = Estimate(architecture, self.recipe(architecture), gpus, self.study.max_hours)
        match stage:
            case "train_dense":
                # In a packed job, too, which has nothing to leave out.
                return estimate.training(1)
            case "rank":
                network = self.study.network(architecture)
                estimate = replace(estimate, recipe=self.round_recipe(architecture))
                return estimate.ranking(PRUNERS[pruner], network, self._n_levels(architecture))
            case "subnetworks":
                n_pruners = max(len(self.counted(architecture, s, pruner)) for s in self.seeds(architecture))
                return estimate.reading(2 * self._n_levels(architecture) * n_pruners)
            case "retrain" if share:
                n_networks = len(share.part.criteria) * len(share.levels) * len(share.pruners)
                return estimate.training(
                    n_networks, only_active=self.engine(architecture).weights == "active"
                )
            case "evaluate":
                n_networks = max(1 + len(self.subnetworks(architecture, s)) for s in self.seeds(architecture))
                return estimate.evaluation(n_networks)
        raise ValueError(f"unknown stage {stage!r}")

    def _n_levels(self, architecture: str) -> int:
        return len({level for part in self.study.parts_of(architecture) for level in part.levels})

    def seeds(self, architecture: str) -> list[int]:
        """The replicates of a network, by seed."""
        return sorted({seed for part in self.study.parts_of(architecture) for seed in part.seeds})

    @property
    def replicates(self) -> list[tuple[str, int]]:
        """All pairs of a network and a seed."""
        return [(name, seed) for name in self.study.architectures for seed in self.seeds(name)]

    def kinds(self) -> set[tuple[str, str, str, bool]]:
        """The kinds of subnetworks: network, pruner, criterion, and whether they are trained."""
        return {
            (architecture, pruner, criterion, part.train)
            for architecture in self.study.architectures
            for part in self.study.parts_of(architecture)
            for pruner in part.pruners
            for criterion in part.criteria
        }

    def shares(self, architecture: str) -> list[Share]:
        """The subnetworks that are trained, divided among jobs; each has a job for each of its seeds."""
        settings = self.study.architectures[architecture]
        prefix = f"{ANY_PRUNER}-" if settings.pruners_per_job == "one" else ""
        shares = []
        for part in self.study.parts_of(architecture):
            levels = list(part.levels) if part.train else []
            size = settings.levels_per_job or len(part.levels)
            for number, start in enumerate(range(0, len(levels), size), start=1):
                name = "-".join(filter(None, [part.name, str(number)]))
                shares.append(Share(prefix + name, part, levels[start : start + size]))
        return shares

    def subnetworks(self, architecture: str, seed: int, trained: bool | None = None) -> list[dict]:
        """Pruner, criterion and target compression of each subnetwork of a replicate, and its `level`.

        Args:
            trained: whether to name those that are trained, or those that are not; None for all.
        """
        return [
            {"pruner": pruner, "criterion": criterion, "target_compression": compression, "level": level}
            for part in self._parts(architecture, seed)
            if trained in (None, part.train)
            for pruner in part.pruners
            for criterion in part.criteria
            for level, compression in part.levels.items()
        ]

    def counted(self, architecture: str, seed: int, name: str) -> list[str]:
        """The pruners whose subnetworks are counted by the job of a pruner's name, or of `ALL_PRUNERS`."""
        if name != ALL_PRUNERS:
            return [name]
        return list(dict.fromkeys(keys["pruner"] for keys in self.subnetworks(architecture, seed)))

    def levels(self, architecture: str, seed: int, pruner: str) -> dict[str, float]:
        """The levels at which a replicate needs a ranking of `pruner`, its own or to lend its quotas."""
        found: dict[str, float] = {}
        for part in self._parts(architecture, seed):
            if any(pruner in (name, PRUNERS[name].borrows) for name in part.pruners):
                found |= part.levels
        return dict(sorted(found.items(), key=lambda level: level[1]))

    def trains_dense(self, architecture: str, seed: int) -> bool:
        """Whether the dense network is trained: in a part only where a pruner looks at its weights."""
        parts = self._parts(architecture, seed)
        return self.study.train and any(
            not part.name or PRUNERS[pruner].needs_trained for part in parts for pruner in part.pruners
        )

    def _parts(self, architecture: str, seed: int) -> list[Part]:
        return [part for part in self.study.parts_of(architecture) if seed in part.seeds]

    def files(self, pattern: str, trained: bool = False) -> list[str]:
        """The files of `pattern` for all replicates.

        Args:
            pattern: wildcards are architecture, seed and perhaps pruner, for the jobs that count subnetworks.
            trained: only those of replicates in which something is trained.
        """
        files = [
            pattern.format(architecture=architecture, seed=seed, pruner=name)
            for architecture, seed in self.replicates
            if not trained
            or self.trains_dense(architecture, seed)
            or self.subnetworks(architecture, seed, trained=True)
            for names in self.counting_jobs(architecture, seed).values()
            for name in names
        ]
        return list(dict.fromkeys(files))

    def counting_jobs(self, architecture: str, seed: int) -> dict[str, list[str]]:
        """Names of the jobs that count the subnetworks of a replicate by pruner, as `retraining_jobs`."""
        if self.study.architectures[architecture].pruners_per_job == "all":
            return {"": [ALL_PRUNERS]}
        return {pruner: [pruner] for pruner in self.counted(architecture, seed, ALL_PRUNERS)}

    def retraining_jobs(self, architecture: str, seed: int) -> dict[str, list[str]]:
        """Names of the retraining jobs of a replicate by pruner; empty for jobs that pruners share."""
        jobs: dict[str, list[str]] = {}
        for share in self.shares(architecture):
            if seed in share.part.seeds:
                for pruners in share.jobs:
                    shared = pruners[0] if ANY_PRUNER in share.name else ""
                    jobs.setdefault(shared, []).append(share.name.format(pruner=pruners[0]))
        return jobs
