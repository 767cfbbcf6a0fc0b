import io
import logging
import sys

import pytest

from effective_sparsity.training import progress
from effective_sparsity.training.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets, in seconds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_log_tells_speed_and_time_left(clock, caplog):
    caplog.set_level(logging.INFO)
    run = Progress(0, 1000)
    clock[0] = 2.0
    run.report(100, 0.915)
    run.close()
    assert caplog.messages == ["step 100 of 1000, test accuracy 91.50 %, 50 steps/s, 0:00:18 left"]


def test_a_run_that_goes_on_counts_only_its_own_steps(clock, caplog):
    caplog.set_level(logging.INFO)
    run = Progress(500, 1000)
    clock[0] = 10.0
    run.report(600, 0.5)
    run.close()
    assert caplog.messages == [
        "goes on after step 500 of 1000",
        "step 600 of 1000, test accuracy 50.00 %, 10 steps/s, 0:00:40 left",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_drawn_on_a_terminal_only(monkeypatch, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stream)
    run = Progress(0, 3)
    for _ in range(3):
        run.advance()
    run.close()
    assert ("3/3" in stream.getvalue()) == terminal
    assert bool(stream.getvalue()) == terminal
