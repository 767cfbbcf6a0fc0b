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
    with Progress(0, 1000) as progress:
        clock[0] = 2.0
        progress.report(100, 0.915)
    assert caplog.messages == ["step 100 of 1000, test accuracy 91.50 %, 50 steps/s, 0:00:18 left"]


def test_a_run_that_resumes_counts_only_its_own_steps(clock, caplog):
    caplog.set_level(logging.INFO)
    with Progress(500, 1000) as progress:
        clock[0] = 10.0
        progress.report(600, 0.5)
    assert caplog.messages == [
        "resumes after step 500 of 1000",
        "step 600 of 1000, test accuracy 50.00 %, 10 steps/s, 0:00:40 left",
    ]


@pytest.mark.parametrize(
    ("seconds", "speed"),
    [
        (0.05, "2000 steps/s"),
        (12.5, "8 steps/s"),
        (66.7, "1.5 steps/s"),
        (240, "2.4 s/step"),
        (12_000, "120 s/step"),
    ],
)
def test_slow_steps_are_told_in_seconds_a_step(seconds, speed, clock, caplog):
    caplog.set_level(logging.INFO)
    with Progress(0, 1000) as progress:
        clock[0] = seconds
        progress.report(100, 0.5)
    assert f", {speed}, " in caplog.text


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_drawn_on_a_terminal_only(monkeypatch, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(0, 3) as progress:
        for _ in range(3):
            progress.advance()
    assert ("3/3" in stream.getvalue()) == terminal
    assert bool(stream.getvalue()) == terminal
