"""PyTorch's side of a device: which it is, and how it is told to compute."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from effective_sparsity.errors import UserError
from effective_sparsity.training.execution import Choice, Execution


def resolve_device(device: str | torch.device) -> torch.device:
    """The device that a name means: "auto" is CUDA when there is one, else the CPU.

    Raises:
        UserError: If there is no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # PyTorch without CUDA asserts
        reason = str(error).splitlines()[0]
        raise UserError(f"device: {device!r} cannot be used here ({reason}); use auto or cpu") from error
    return torch.device(device)


def chosen(choice: Choice, automatic: bool) -> bool:
    """What an option means where "auto" stands for `automatic`."""
    return automatic if choice == "auto" else choice


@contextmanager
def switches(execution: Execution, *, search: bool = True) -> Iterator[None]:
    """Set all switches of PyTorch that decide on precision and determinism, and put them back at the end.

    TF32 in matrix products and convolutions only if the precision says so. If results must be deterministic,
    every operation without a deterministic implementation is an error.

    Args:
        search: Whether cuDNN searches for its fastest algorithm, which may be another one each time; never if
            results must be deterministic. It takes seconds and pays in training, but not in evaluation.
    """
    tf32, deterministic = execution.precision == "tf32", execution.deterministic
    cudnn = torch.backends.cudnn
    wanted = [
        (torch.backends.cuda.matmul, "allow_tf32", tf32),
        (cudnn, "allow_tf32", tf32),
        (cudnn, "benchmark", search and not deterministic),
        (cudnn, "deterministic", deterministic),
    ]
    before = [(place, name, getattr(place, name)) for place, name, _ in wanted]
    were_deterministic = torch.are_deterministic_algorithms_enabled()
    if deterministic:
        # cuBLAS reads it when it starts; without it PyTorch refuses its matrix products.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        _use_deterministic(deterministic)
        for place, name, value in wanted:
            setattr(place, name, value)
        yield
    finally:
        _use_deterministic(were_deterministic)
        for place, name, value in before:
            setattr(place, name, value)


def _use_deterministic(deterministic: bool) -> None:
    # Even to say what holds already, PyTorch would import its compiler: a second of every job.
    if torch.are_deterministic_algorithms_enabled() != deterministic:
        torch.use_deterministic_algorithms(deterministic)


def autocast(execution: Execution, device: torch.device) -> torch.autocast:
    """The context in which the network is run forward."""
    return torch.autocast(device.type, torch.bfloat16, enabled=execution.precision == "bfloat16")


def channels_last(execution: Execution, device: torch.device) -> bool:
    """Whether channels lie last; a GPU's kernels in float32 proper gain nothing from it."""
    return chosen(execution.channels_last, device.type == "cpu" or execution.precision != "float32")


def compiled(forward: Callable, execution: Execution, device: torch.device) -> Callable:
    """The function, compiled if the options say so: on CUDA with CUDA graphs."""
    if not execution.compile:
        return forward
    if device.type != "cuda":
        return torch.compile(forward)
    graphs = torch.compile(forward, mode="reduce-overhead")

    def run(*arguments):
        # The last step's results are not needed any more: their memory may be used again.
        torch.compiler.cudagraph_mark_step_begin()
        return graphs(*arguments)

    return run
