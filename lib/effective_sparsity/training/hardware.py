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


def machine() -> str:
    """System, processor and number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.platform()}, {processor()}, {cores} cores"


def hardware(engine: str, device: str, threads: int) -> str:
    """The graphics processor that a training job uses, or its processor and number of threads.

    Args:
        engine, device, threads: as in `engines.train_subnetworks`; the packed engine knows no device.
    """
    if engine == "masked":
        import torch

        from effective_sparsity.training.device import resolve_device

        resolved = resolve_device(device)
        if resolved.type == "cuda":
            return torch.cuda.get_device_name(resolved)
    return f"{processor()}, {threads} thread{'s' if threads > 1 else ''}"
