"""The profiles: for one machine, for several GPUs, for SLURM."""

import pytest
import yaml

pytestmark = pytest.mark.xdist_group("workflow")


def settings(root, profile: str) -> dict:
    return yaml.safe_load((root / f"profiles/{profile}/profile.yaml").read_text())


@pytest.mark.parametrize("profile", ["gpu", "slurm"])
def test_profiles_repeat_what_they_replace(root, profile):
    common = settings(root, "default")
    common.pop("resources")
    assert common.items() <= settings(root, profile).items()


@pytest.mark.parametrize("profile", ["gpu", "slurm"])
def test_snakemake_understands_every_setting(fresh, profile):
    fresh.config["device"] = "cpu"
    plan = fresh.planned("--workflow-profile", str(fresh.root / "profiles" / profile))
    assert plan["subnetworks"] == len(fresh.config["pruners"])


def test_a_cluster_refuses_to_look_for_a_gpu_here_even_in_a_dry_run(fresh):
    done = fresh.run("--workflow-profile", str(fresh.root / "profiles/slurm"), "--dry-run")
    assert done.returncode != 0
    assert "\nError: config: device: auto looks for a GPU on this machine, and the jobs run" in done.stderr
    assert "Traceback" not in done.stderr
    fresh.planned("--workflow-profile", str(fresh.root / "profiles/slurm"), "data")  # which needs no GPU


def test_the_partitions_hold_the_longest_job_of_the_paper(root):
    partitions = pytest.importorskip("snakemake_executor_plugin_slurm.partitions")
    slurm = settings(root, "slurm")
    found = partitions.read_partition_file(root / slurm["slurm-partition-config"])
    assert {partition.name: partition.limits.max_gpu for partition in found} == {"cpu": 0, "gpu": 4}
    assert all(partition.limits.max_runtime == 24 * 60 for partition in found)
