"""The choice of a card."""

import subprocess
import sys

import pytest

from effective_sparsity.study import cards
from effective_sparsity.study.cards import job_device, take_card

TAKE = """
import sys
from pathlib import Path
from effective_sparsity.study.cards import take_card
print(take_card(Path(sys.argv[1]), Path(sys.argv[2])), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that it is put back, whatever it was
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(cards, "_held", [])
    return monkeypatch


@pytest.fixture
def folders(tmp_path):
    """A machine with three cards, among other devices, and a folder for locks."""
    devices, locks = tmp_path / "dev", tmp_path / "locks"
    devices.mkdir()
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm", "null"):
        (devices / name).touch()
    return devices, locks


@pytest.fixture
def job(folders):
    """Starts a process that takes a card; gives the process and the card."""
    started = []

    def start():
        command = [sys.executable, "-c", TAKE, *map(str, folders)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_every_job_gets_the_card_with_the_fewest_jobs(job):
    assert [job()[1] for _ in range(4)] == ["0", "1", "10", "0"]


def test_a_card_is_free_again_when_its_process_was_killed(job):
    jobs = [job() for _ in range(3)]
    jobs[1][0].kill()
    jobs[1][0].wait()
    assert job()[1] == "1"


def test_a_process_sees_the_card_that_it_took_and_no_other(folders, job, environment):
    job()
    assert take_card(*folders) == "1"
    assert cards.os.environ["CUDA_VISIBLE_DEVICES"] == "1"


def test_only_cards_that_the_user_names_are_taken(folders, environment):
    environment.setenv("CUDA_VISIBLE_DEVICES", "GPU-5a, 10")
    assert take_card(*folders) == "GPU-5a"


@pytest.mark.parametrize("given", ["3", ""])
def test_a_card_that_a_scheduler_gave_is_left_alone(folders, environment, given):
    environment.setenv("CUDA_VISIBLE_DEVICES", given)
    assert take_card(*folders) is None
    assert cards.os.environ["CUDA_VISIBLE_DEVICES"] == given
    assert not folders[1].exists()


def test_nothing_is_taken_where_there_is_no_choice(folders, tmp_path):
    for card in ("nvidia1", "nvidia10"):
        (folders[0] / card).unlink()
    assert take_card(*folders) is None
    assert "CUDA_VISIBLE_DEVICES" not in cards.os.environ


def test_a_job_without_a_gpu_runs_on_the_cpu(environment):
    environment.setattr(cards, "take_card", lambda: pytest.fail("took a card"))
    assert [job_device(setting, 0) for setting in ("auto", "cuda", "cpu")] == ["cpu"] * 3


def test_a_job_with_a_gpu_takes_a_card(environment):
    taken = []
    environment.setattr(cards, "take_card", lambda: taken.append("card"))
    assert job_device("auto", 1) == "auto"
    assert taken == ["card"]
