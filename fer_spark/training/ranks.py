"""Training in one process or several: which one this is, and sums and joins over all of them."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class RankLostError(ConnectionError):
    """Another process has ended before its time."""


@dataclass(frozen=True)
class Ranks:
    """This process's number among `world`; 0 of 1 without torch.distributed."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and the progress."""
        return self.rank == 0

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network whose gradients are averaged over the ranks in `backward`."""
        if self.world == 1:
            return network
        return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """Sum over the ranks, on each of them; without gradient."""
        value = value.detach().clone()
        if self.world > 1:
            with self._together():
                dist.all_reduce(value)
        return value

    def join(self, rows: torch.Tensor) -> torch.Tensor:
        """(N, …) of every rank one after the other; N is the same on all of them."""
        if self.world == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.world)]
        with self._together():
            dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def agree_on(self, questions: list[bool], device: torch.device) -> list[bool]:
        """For each question, whether any rank says yes."""
        if self.world == 1:
            return questions
        return [bool(votes) for votes in self.total(torch.tensor(questions, dtype=torch.float32, device=device)) > 0]

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Turns what torch says of a broken connection into RankLostError."""
        try:
            yield
        except RuntimeError as error:
            raise RankLostError(
                f"process {self.rank} of {self.world} lost the others; one of them has printed why ({str(error)[:200]})"
            ) from error


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the other processes where torchrun or TorchDistributor started several (WORLD_SIZE > 1), and leave them."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks()
        return
    use_gpu = device != "cpu" and torch.cuda.is_available()
    dist.init_process_group("nccl" if use_gpu else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
        dist.barrier()  # whoever leaves first takes the others' connections down
    finally:
        gc.collect()  # else cycles in what DDP made keep the group's threads until the process ends, which aborts it
        dist.destroy_process_group()


def choose_device(name: str) -> torch.device:
    """`auto`: this process's GPU where there is one. Raises ValueError for a GPU that is requested and missing."""
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if name == "auto":
        return (
            torch.device("cuda", local % torch.cuda.device_count())
            if torch.cuda.is_available()
            else torch.device("cpu")
        )
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device: {name!r}, expected auto, cpu, cuda or cuda:1") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device: {name} is requested, but torch {torch.__version__} sees no GPU; --device cpu trains without"
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device: {name} is requested, this machine has {torch.cuda.device_count()} GPU")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device: {name} is requested, but torch {torch.__version__} cannot use it here") from error
    return torch.device("cuda", local % torch.cuda.device_count()) if name == "cuda" else device
