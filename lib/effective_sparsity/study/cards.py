"""Which graphics processor (card) a job uses, when several can be seen.

Snakemake limits how many jobs use a GPU at once, and leaves it to them which one. A scheduler such as SLURM
shows a job its own card alone, and so there is nothing to choose.
"""

import os
import re
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

# Held until the process ends, however it ends.
_held: list[FileLock] = []


def job_device(setting: str, gpus: int) -> str:
    """The device of a job, from the study's `device` and the GPUs that the job was given.

    Without a GPU it is "cpu", whatever the study says. With one, the process takes a card first: CUDA must
    not have been used in it before.
    """
    if not gpus:
        return "cpu"
    take_card()
    return setting


def take_card(devices: Path = Path("/dev"), locks: Path | None = None) -> str | None:
    """Let this process see one card alone, which is its own or shared with as few others as possible.

    It chooses from those in CUDA_VISIBLE_DEVICES, or else from all, and sets CUDA_VISIBLE_DEVICES. If there
    is only one, or none, it leaves everything as it is.

    Args:
        devices: folder with `nvidia0`, `nvidia1` and so on.
        locks: folder of the lock files; one for all runs of this user on the machine if not given.

    Returns:
        The card as CUDA_VISIBLE_DEVICES names it; None if there was nothing to choose.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        numbers = (re.fullmatch(r"nvidia(\d+)", path.name) for path in devices.iterdir())
        cards = sorted((match[1] for match in numbers if match), key=int)
    else:
        cards = [card.strip() for card in visible.split(",") if card.strip()]
    if len(cards) < 2:
        return None
    locks = locks or Path(tempfile.gettempdir(), f"effective-sparsity-{os.getuid()}")
    locks.mkdir(mode=0o700, exist_ok=True)
    # Jobs share cards evenly: a second one goes to a card only when every card has one.
    place = 0
    while True:
        for card in cards:
            lock = FileLock(locks / f"card-{card}-{place}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            _held.append(lock)
            os.environ["CUDA_VISIBLE_DEVICES"] = card
            return card
        place += 1
