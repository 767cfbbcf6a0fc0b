"""The workflow as its users run it: from nothing, again, after a change, after a kill."""

import gzip
import hashlib
import json
import os
import re
import shutil
import struct

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from effective_sparsity.figures import registry

# The study has neither random-igq nor controls.
FIGURES = [name for name in registry.FIGURES if name not in ("leaderboard", "pixel_controls")]

# One process runs them all, so that the finished study is made once.
pytestmark = pytest.mark.xdist_group("workflow")

# What follows from the tables, beside the figures that do.
READING = ["costs", "claims", "report"]
PRUNERS = ["random-uniform", "random-synflow", "magnitude-igq", "synflow"]
STORED = ["synflow"]  # those whose rankings are stored


def test_a_study_runs_from_data_to_tables(finished):
    table = pd.read_csv(finished.results / "tables/subnetworks.csv")
    assert len(table) == 4 * 2 * 2
    assert sorted(table.pruner.unique()) == sorted(PRUNERS)
    assert set(table.n_weights) == {266_200}
    assert set(table.reduced) == {"5,000 MNIST images: 4,000 train, 1,000 test; 20 of 96,000 steps"}

    direct = table[table.criterion == "direct"]
    assert set(direct.n_kept) == {26_620, 133}
    effective = table[table.criterion == "effective"]
    assert (effective.n_active >= effective.target_compression.rdiv(266_200).round()).all()
    lost = direct[direct.n_active == 0]
    assert set(lost.status) == {"disconnected"}
    assert (lost.effective_compression == float("inf")).all()
    assert "random-uniform" in set(lost.pruner)

    trained = table[table.n_active > 0]
    assert set(trained.status) == {"ok"}
    assert (trained[trained.target_compression == 10].test_accuracy > 0.5).all()
    assert set(table.steps) == {20}


def test_layers_sum_up_to_the_subnetworks(finished):
    layers = pd.read_csv(finished.results / "tables/layers.csv")
    table = pd.read_csv(finished.results / "tables/subnetworks.csv")
    keys = ["pruner", "criterion", "seed", "target_compression"]
    counts = ["n_weights", "n_kept", "n_active"]
    sums = layers.groupby(keys)[counts].sum()
    assert sums.equals(table.set_index(keys)[counts].sort_index())


def test_the_history_ends_with_the_evaluation_of_the_stored_network(finished):
    """The engine that trained and the model that was read back agree on the test set."""
    history = pd.read_csv(finished.results / "tables/history.csv")
    keys = ["pruner", "criterion", "seed", "target_compression"]
    assert sorted(history.step.unique()) == [10, 20]
    last = history[(history.step == 20) & (history.pruner != "dense")].set_index(keys).sort_index()
    table = pd.read_csv(finished.results / "tables/subnetworks.csv").set_index(keys).sort_index()
    assert (last.test_accuracy - table.test_accuracy).abs().max() <= 0.002
    assert (last.test_loss - table.test_loss).abs().max() < 1e-3


def test_curves_have_one_ranking_for_one_shot_pruners_and_one_per_target_for_iterative_ones(finished):
    curves = pd.read_csv(finished.results / "tables/curves.csv")
    targets = curves.groupby("pruner").target_compression.unique().map(list)
    assert targets["synflow"] == targets["random-synflow"] == [10, 2000]
    assert curves[curves.pruner == "random-uniform"].target_compression.isna().all()
    assert (curves.effective_compression >= curves.direct_compression).all()


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_there_in_every_format(finished, figure):
    for kind in ("pdf", "png", "svg", "csv"):
        assert (finished.results / f"figures/{figure}.{kind}").stat().st_size > 0


def test_every_job_leaves_a_log_and_a_benchmark(finished):
    for folder in ("logs", "benchmarks"):
        for rule, pruners in {"rank": STORED, "subnetworks": PRUNERS}.items():
            names = {path.stem for path in (finished.results / folder / rule).iterdir()}
            assert names == {f"lenet-300-100-0-{pruner}" for pruner in pruners}


def test_provenance_says_what_networks_were_trained_on(finished):
    provenance = json.loads((finished.results / "tables/provenance.json").read_text())
    assert provenance["study"]["study"] == "tiny"
    assert sum(provenance["trained_on"].values()) == 1 + 4 * 2 * 2
    assert all(name.endswith("1 thread") for name in provenance["trained_on"])
    assert all(provenance[key] for key in ("python", "packages", "machine"))


def test_no_work_files_are_left(finished):
    assert not [path for path in (finished.results / ".work").rglob("*") if path.is_file()]


def test_a_second_run_has_nothing_to_do(finished):
    assert not finished.planned()


def test_lost_benchmarks_are_not_run_again(copy):
    (copy.results / "benchmarks").rename(copy.folder / "benchmarks")
    assert not copy.planned()


def test_touched_scripts_change_nothing(copy):
    for path in (copy.root / "workflow_scripts").iterdir():
        path.touch()
    assert not copy.planned()


def test_another_mirror_device_or_way_to_use_it_changes_nothing(copy):
    copy.config |= {"mirrors": ["file:///elsewhere"], "device": "cpu"}
    copy.config |= {"channels_last": True, "compile": False, "deterministic": True}
    assert not copy.planned()


def test_a_new_pruner_leaves_the_others_alone(copy):
    copy.config["pruners"].append("lamp")
    before = {path: path.stat().st_mtime_ns for path in copy.results.rglob("*.safetensors")}
    once = ["subnetworks", "retrain_lenet-300-100_1", "evaluate", "tables", *READING]
    assert copy.planned() == dict.fromkeys(once, 1) | {"draw": 1}
    copy.succeed()
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    table = pd.read_csv(copy.results / "tables/subnetworks.csv")
    assert "lamp" in set(table.pruner)


def test_a_new_seed_leaves_the_others_alone(copy):
    copy.config["seeds"].append(7)
    plan = copy.planned()
    assert plan["rank"] == len(STORED)
    assert plan["subnetworks"] == plan["retrain_lenet-300-100_1"] == len(PRUNERS)
    assert plan["initialise"] == plan["train_dense"] == plan["evaluate"] == 1


def test_data_that_are_fetched_again_make_nothing_else_again(copy):
    data = copy.folder / "data/mnist-5k.safetensors"
    data.write_bytes(b"damaged")
    assert not copy.planned()
    data.unlink()
    assert not copy.planned()
    copy.succeed("data")
    assert not copy.planned()


def test_variants_that_are_made_again_make_nothing_else_again(fresh):
    """They have checksums, so they are what they were."""
    random = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte": random.integers(0, 256, (200, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": np.arange(200, dtype=np.uint8) % 10,
        "t10k-images-idx3-ubyte": random.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": np.arange(20, dtype=np.uint8) % 10,
    }
    checksums = {}
    for name, array in arrays.items():
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        content = gzip.compress(header + array.tobytes(), mtime=0)
        (fresh.folder / f"{name}.gz").write_bytes(content)
        checksums[f"{name}.gz"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
    fresh.config |= {
        "datasets": {"noise": {"variant_of": "mnist", "files": checksums}},
        "architectures": {"lenet-300-100": {"dataset": "noise", "steps": 2}},
        "mirrors": [fresh.folder.as_uri()],
    }
    dense = "results/tiny/lenet-300-100/seed-0/dense/trained.safetensors"
    fresh.succeed(dense)
    (fresh.folder / "data/noise.safetensors").unlink()
    fresh.succeed("data")
    assert not fresh.planned(dense)


def test_results_copied_elsewhere_are_not_made_again(copy):
    """As long as their times are copied, too; and otherwise they can be declared up to date."""
    shutil.rmtree(copy.folder / ".snakemake")
    assert not copy.planned()
    for age, path in enumerate(sorted(copy.results.rglob("*"), reverse=True)):
        os.utime(path, (age, age))
    assert copy.planned()
    copy.succeed("--touch")
    assert not copy.planned()


def test_a_damaged_file_is_made_again_by_the_next_run(copy):
    replicate = copy.results / "lenet-300-100/seed-0"
    network = replicate / "synflow/direct/c10.safetensors"
    content, evaluation = network.read_bytes(), (replicate / "evaluation.csv").read_bytes()
    network.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    target = "results/tiny/lenet-300-100/seed-0/evaluation.csv"
    done = copy.run(target)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    (line, _) = re.findall(r".*damaged or foreign file.*", done.stderr)  # the job's own, and from its log
    assert line.startswith("Error: results/tiny/lenet-300-100/seed-0/synflow/direct/c10.safetensors: damaged")
    assert line.endswith("renamed to c10.safetensors.damaged; run the same command again to rebuild it")
    copy.succeed(target)
    assert network.read_bytes() == content
    assert (replicate / "evaluation.csv").read_bytes() == evaluation


def test_longer_training_redoes_what_is_trained_and_what_looks_at_trained_weights(copy):
    copy.config["architectures"]["lenet-300-100"]["steps"] = 30
    plan = copy.planned()
    assert plan["initialise"] == plan["download"] == 0
    assert plan["train_dense"] == 1
    assert plan["subnetworks"] == 1  # magnitude-igq
    assert plan["retrain_lenet-300-100_1"] == len(PRUNERS)


def test_another_level_ranks_only_iterative_pruners_again(copy):
    copy.config["compressions"].append(50)
    plan = copy.planned()
    assert plan["rank"] == 1  # synflow
    assert plan["subnetworks"] == plan["retrain_lenet-300-100_1"] == len(PRUNERS)
    assert plan["train_dense"] == 0


def test_one_job_for_all_pruners_counts_what_a_job_for_each_does(finished, copy):
    copy.config["architectures"]["lenet-300-100"]["pruners_per_job"] = "all"
    plan = copy.planned()
    assert plan["subnetworks"] == plan["retrain_lenet-300-100_1"] == 1
    assert plan["rank"] == plan["train_dense"] == 0
    copy.succeed("results/tiny/tables/costs.csv")
    for name in ("layers.csv", "curves.csv"):
        assert copy.tables()[name] == finished.tables()[name]
    costs = pd.read_csv(copy.results / "tables/costs.csv")
    assert costs[costs.stage.isin(["subnetworks", "retrain"])].pruner.isna().all()


def test_a_further_job_of_levels_leaves_those_of_one_shot_pruners_alone(fresh):
    fresh.config |= {"pruners": ["random-uniform"], "compressions": [10, 2000]}
    fresh.config["architectures"]["lenet-300-100"] |= {"steps": 2, "levels_per_job": 1}
    trained = "results/tiny/lenet-300-100/seed-0/random-uniform/effective/c{}.safetensors"
    fresh.succeed(*map(trained.format, fresh.config["compressions"]))
    fresh.config["compressions"].append(5000)
    plan = fresh.planned()
    assert plan["retrain_lenet-300-100_3"] == plan["subnetworks"] == 1
    assert plan["retrain_lenet-300-100_1"] == plan["retrain_lenet-300-100_2"] == plan["rank"] == 0


def test_another_loss_ranks_only_pruners_that_look_at_it_again(fresh):
    fresh.config |= {"train": False, "pruners": ["snip", "grasp"], "compressions": [10]}
    fresh.succeed(*(f"results/tiny/lenet-300-100/seed-0/{name}/layers.csv" for name in ("snip", "grasp")))
    fresh.config["snip_loss"] = "linear"
    messages = fresh.succeed("--dry-run")
    assert "rank/lenet-300-100-0-snip.log" in messages
    assert "rank/lenet-300-100-0-grasp.log" not in messages


def test_figures_follow_from_the_tables_alone(copy):
    for path in copy.results.iterdir():
        if path.name != "tables":
            path.rename(copy.folder / path.name)
    assert copy.planned("figures") == {"draw": 1}


def test_claims_and_report_follow_from_the_tables_alone(copy):
    for path in copy.results.iterdir():
        if path.name != "tables":
            path.rename(copy.folder / path.name)
    for name in ("costs", "claims", "measurements"):
        (copy.results / f"tables/{name}.csv").unlink()
    plan = copy.planned("verdicts", "report")
    assert plan == {"costs": 1, "claims": 1, "report": 1, "draw": 1}
    copy.succeed("verdicts", "report")
    claims = pd.read_csv(copy.results / "tables/claims.csv").set_index("claim")
    assert "run times of pruning and retraining (costs)" in claims.missing[5]


def test_every_claim_has_its_verdict(finished):
    claims = pd.read_csv(finished.results / "tables/claims.csv")
    # One seed is not enough for any verdict.
    assert dict(zip(claims.claim, claims.verdict, strict=True)) == dict.fromkeys(
        range(1, 8), "not enough data"
    )
    page = (finished.results / "claims.md").read_text()
    assert "5,000 MNIST images: 4,000 train, 1,000 test; 20 of 96,000 steps" in page


def test_every_step_has_its_cost(finished):
    costs = pd.read_csv(finished.results / "tables/costs.csv")
    assert set(costs.stage) == {"train_dense", "rank", "subnetworks", "retrain", "evaluate"}
    assert (costs.seconds > 0).all()


def test_a_run_that_was_killed_goes_on_to_the_same_tables(finished, fresh):
    fresh.run_and_kill_when(lambda: len(list(fresh.results.glob("*/seed-0/*/direct/*.safetensors"))) >= 3)
    assert not (fresh.results / "tables/subnetworks.csv").exists()
    refused = fresh.run()
    assert refused.returncode != 0
    assert "removed with the --unlock argument" in refused.stderr
    fresh.succeed("--unlock")
    fresh.succeed()
    assert fresh.tables() == finished.tables()


def test_a_study_that_trains_nothing_has_tables_and_figures_of_connectivity(fresh):
    fresh.config |= {"train": False, "pruners": ["random-igq", "synflow"]}
    plan = fresh.planned()
    drawn = {"toy_network", "effective_vs_direct", "layer_density", "target_hits", "mean_field"}
    once = {"initialise": 1, "trace": 1, "rank": 1, "tables": 1, "toy_network": 1, "draw": 1}
    assert plan == once | {"subnetworks": 2}  # and no data set
    fresh.succeed()
    table = pd.read_csv(fresh.results / "tables/subnetworks.csv")
    assert len(table) == 2 * 2 * 2
    assert set(table.status) <= {"untrained", "disconnected"}
    assert table.test_accuracy.isna().all()
    assert {path.stem for path in (fresh.results / "figures").iterdir()} == drawn
    assert not (fresh.folder / "data").exists()


def test_live_inputs_add_a_column_and_change_nothing_else(finished, copy):
    copy.config["live_input_deviation"] = 0
    plan = copy.planned()
    assert plan["subnetworks"] == len(PRUNERS)
    assert not [job for job in plan if "train" in job or job in ("rank", "evaluate")]
    copy.succeed("results/tiny/tables/subnetworks.csv", "results/tiny/figures/effective_vs_direct.csv")
    added = {"subnetworks": "effective_compression_live", "layers": "n_active_live"}
    added["curves"] = added["subnetworks"]
    tables = {}
    for name, column in added.items():
        before, after = (
            pd.read_csv(study.results / f"tables/{name}.csv", dtype=str) for study in (finished, copy)
        )
        assert after.drop(columns=column).equals(before)
        tables[name] = pd.read_csv(copy.results / f"tables/{name}.csv")
    # The corners of the images are black.
    first = tables["layers"][tables["layers"].layer == "fc1.weight"]
    assert (first.n_active_live <= first.n_active).all()
    counts = tables["subnetworks"]
    ten = counts[counts.target_compression == 10]
    assert (ten.effective_compression_live > ten.effective_compression).all()
    curves = tables["curves"]
    assert (curves.effective_compression_live >= curves.effective_compression).all()
    figure = pd.read_csv(copy.results / "figures/effective_vs_direct.csv")
    assert set(figure[figure.kind == "live"].pruner) == set(PRUNERS)


def test_a_folder_of_images_is_studied_with_a_convolutional_network(fresh):
    random = np.random.default_rng(0)
    for split, count in {"train": 50, "test": 3}.items():
        for class_ in ("ash", "elm", "oak"):
            folder = fresh.folder / "leaves" / split / class_
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (9, 9, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    fresh.config |= {
        "datasets": {"leaves": {"image_folder": "leaves", "size": [32, 32], "classes": 3}},
        "architectures": {"lenet-5": {"dataset": "leaves", "steps": 3}},
        "pruners": ["magnitude-uniform-plus", "grasp"],
        "compressions": [10, 200],
    }
    fresh.succeed("results/tiny/tables/subnetworks.csv")
    table = pd.read_csv(fresh.results / "tables/subnetworks.csv").set_index("pruner")
    assert set(table.dataset) == {"leaves"}
    assert set(table.loc["grasp"].n_weights) == {61_770 - 7 * 84}  # three logits, not ten
    assert table.loc["grasp"].test_accuracy.notna().all()
    uniform_plus = table.loc["magnitude-uniform-plus"].set_index(["criterion", "target_compression"])
    assert uniform_plus.status["direct", 10] == "ok"
    assert uniform_plus.status["direct", 200] == "unreachable"


def test_an_image_folder_with_fewer_images_than_a_batch_fails_in_the_download(fresh):
    for split in ("train", "test"):
        for class_ in ("ash", "elm"):
            folder = fresh.folder / "leaves" / split / class_
            folder.mkdir(parents=True)
            Image.new("RGB", (3, 3)).save(folder / "1.png")
    fresh.config |= {
        "datasets": {"leaves": {"image_folder": "leaves", "size": [32, 32], "classes": 2}},
        "architectures": {"lenet-5": {"dataset": "leaves"}},
    }
    done = fresh.run("data")
    assert done.returncode != 0
    assert (
        "Error: data set leaves: 2 training images are fewer than the 128 in a batch of lenet-5; add images, "
        "or set architectures.lenet-5.batch_size to at most 2"
    ) in done.stderr
    fresh.config["architectures"]["lenet-5"]["batch_size"] = 2
    fresh.succeed("data")


def test_an_edited_pruner_is_ranked_again_and_no_other(fresh, tmp_path, monkeypatch):
    project = tmp_path / "project"
    monkeypatch.setenv("PYTHONPATH", str(project / "lib"))  # before an installed library
    for name in ("lib", "rules", "workflow_scripts", "profiles"):
        shutil.copytree(fresh.root / name, project / name)
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(fresh.root / name, project)
    fresh.root = project
    fresh.config |= {"train": False, "pruners": ["mine", "synflow"], "compressions": [10]}
    pruners = project / "lib/effective_sparsity/pruning/pruners.py"
    original = pruners.read_text()
    scores = '\n\nPRUNERS["mine"] = Pruner(lambda inputs: {name: %s for name in inputs.prunable})\n'
    pruners.write_text(original + scores % "inputs.initial[name]")
    counts = [f"results/tiny/lenet-300-100/seed-0/{name}/layers.csv" for name in ("mine", "synflow")]
    fresh.succeed(*counts)
    pruners.write_text(original + scores % "inputs.initial[name]" + "# Nothing new.\n")
    assert not fresh.planned(*counts)
    pruners.write_text(original + scores % "-inputs.initial[name]")
    assert fresh.planned(*counts) == {"subnetworks": 1}


def test_a_key_that_appears_twice_is_refused(fresh):
    study = fresh.folder / "twice.yaml"
    study.write_text("study: twice\nseeds: [0]\nseeds: [1]\n")
    done = fresh.run("--dry-run", f"--configfile={study}")
    assert done.returncode != 0
    assert (
        f"Error: config: {study} cannot be read (line 3: seeds appears twice in the same place)"
        in done.stderr
    )


def test_targets_may_follow_options_that_name_one_value_each(fresh):
    """The form that the documentation uses."""
    plan = fresh.planned(f"--configfile={fresh.folder}/config.yaml", "--config=seeds=[0]", "data")
    assert plan == {"download": 1}


def test_the_paper_s_plan_has_at_most_1500_jobs(fresh):
    study = str(fresh.root / "studies/paper.yaml")
    fresh.config = {"include": study, "study": "paper"}
    assert 1000 < fresh.planned().total() <= 1500


def test_a_mistake_in_the_configuration_is_one_line(fresh):
    fresh.config["pruners"] = ["synflo"]
    done = fresh.run("--dry-run")
    assert done.returncode != 0
    errors = [
        line for line in done.stderr.splitlines() if not line.startswith("Using workflow specific profile")
    ]
    assert errors == ["Error: config: pruners: unknown pruner 'synflo'; did you mean synflow?"]
