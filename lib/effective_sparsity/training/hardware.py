"""What a network was trained on, for the records."""

import os
import platform
from pathlib import Path


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (names or [platform.processor() or platform.machine()])[0]


def processor_with(threads: int) -> str:
    """The processor, and how many of its threads a job uses."""
    return f"{processor()}, {threads} thread{'s' if threads > 1 else ''}"


def machine() -> str:
    """System, processor and number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.platform()}, {processor()}, {cores} core{'' if cores == 1 else 's'}"
