"""The workflow on a real SLURM of one node: `profiles/slurm` as it is, jobs and daemons killed on the way."""

import os
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

MISSING = [name for name in ("slurmctld", "slurmd", "munged", "sbatch") if not shutil.which(name)]
pytestmark = [
    # Not with the other runs of the workflow, which it need not wait for.
    pytest.mark.xdist_group("slurm"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a SLURM"),
    pytest.mark.skipif(
        bool(MISSING), reason=f"no {', '.join(MISSING)}; `apt-get install slurm-wlm munge` brings them"
    ),
    pytest.mark.skipif(
        not find_spec("snakemake_executor_plugin_slurm"), reason="no snakemake-executor-plugin-slurm"
    ),
]

# Seconds in which whatever a test waits for must happen.
PATIENCE = 600


def wait_for(condition, what: str):
    """What `condition()` gives, as soon as it is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.2)
    raise TimeoutError(f"waited {PATIENCE} s for {what}")


class Cluster:
    """A SLURM of one node."""

    def __init__(self, root: Path, folder: Path):
        self.script, self.folder = root / "tests/workflow/one_node_slurm.sh", folder

    def do(self, task: str) -> subprocess.CompletedProcess:
        command = ["bash", self.script, task, self.folder]
        # Not through pipes: the daemons would keep them open.
        with (self.folder / f"{task}.log").open("w+") as log:
            done = subprocess.run(command, stdout=log, stderr=log, timeout=PATIENCE, check=False)
            log.seek(0)
            done.stdout = log.read()
        return done

    def running(self, rule: str) -> list[str]:
        """Running jobs of the rules whose names start with `rule`."""
        command = ["squeue", "--noheader", "--states=RUNNING", "--format=%i %k"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        jobs = (line.split(" ", 1) for line in lines)
        return [job for job, comment in jobs if comment.startswith(f"rule_{rule}")]

    def state(self) -> str:
        """The node's state, for example "idle"."""
        return subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=True).stdout

    def kill_node_daemon(self) -> None:
        os.kill(int((self.folder / "run/slurmd.pid").read_text()), signal.SIGKILL)


@pytest.fixture
def cluster(root, tmp_path_factory):
    cluster = Cluster(root, tmp_path_factory.mktemp("slurm"))
    try:
        up = cluster.do("up")
        if "another SLURM" in up.stdout or "running here already" in up.stdout:
            pytest.skip(up.stdout.strip())
        assert up.returncode == 0, up.stdout
        yield cluster
    finally:
        cluster.do("down")


class Head:
    """Snakemake on the login node."""

    def __init__(self, workflow, log: str, *targets: str):
        self.log = workflow.folder / log
        profile = workflow.root / "profiles/slurm"
        command = workflow.command(
            *targets,
            *("--workflow-profile", profile, "--slurm-partition-config", profile / "partitions.yaml"),
            *("--config", "device=cpu"),
            # One machine, and no time to lose.
            *("--slurm-init-seconds-before-status-checks", "6", "--latency-wait", "5"),
        )
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log)

    def succeed(self) -> str:
        """Wait for its end; its messages."""
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()
        return self.log.read_text()

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def said(self, message: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return message in self.log.read_text()


def test_a_study_survives_whatever_dies_and_gives_the_tables_of_a_local_run(cluster, fresh, tmp_path):
    fresh.config["pruners"] = ["magnitude-igq"]
    tables = "results/tiny/tables/subnetworks.csv"

    # A job that is cancelled is tried again.
    head = Head(fresh, "first.log", tables)
    (job, *_) = wait_for(lambda: cluster.running("initialise"), "the first job")
    subprocess.run(["scancel", job], check=True)
    wait_for(lambda: head.said("Trying to restart job"), "another attempt")
    assert f"SLURM-job '{job}' failed" in head.log.read_text()

    # A node that dies takes its jobs along, and they run again when it is back.
    (job, *_) = wait_for(lambda: cluster.running("train_dense"), "a job on the node")
    cluster.kill_node_daemon()
    wait_for(lambda: "down" in cluster.state(), "the loss of the node")
    assert cluster.do("node").returncode == 0

    # After the end of Snakemake itself jobs run on; they are cancelled, and the same command goes on.
    wait_for(lambda: cluster.running("retrain"), "training")
    head.kill()
    subprocess.run(["scancel", "--user", "root"], check=True)
    wait_for(lambda: "idle" in cluster.state(), "the end of all jobs")
    fresh.succeed("--unlock")
    messages = Head(fresh, "second.log", tables).succeed()
    assert "rule train_dense:" not in messages
    assert "rule tables:" in messages

    local = type(fresh)(fresh.root, tmp_path / "local")
    local.folder.mkdir()
    local.config = fresh.config
    local.succeed(tables)
    assert fresh.tables() == local.tables()
    assert len(fresh.tables()) == 5
