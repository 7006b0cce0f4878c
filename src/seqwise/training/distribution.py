"""The processes of one training: what each computes, and what they tell each other.

torchrun starts them, and each runs the same program: the same records in the same order, the same
batches, of which each takes its share. One process alone is the case of size 1, in which nothing is
told to anybody. `docs/distributed.md` is for the user.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from seqwise.config import Device
from seqwise.errors import Code, ConfigError, Problem, ProcessError, SeqwiseError
from seqwise.predictor import choose_device

ADDRESS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # set by torchrun
PATIENCE = timedelta(hours=2)  # the first may read a large file meanwhile


@dataclass(frozen=True)
class World:
    """The processes that train one model together.

    What is called on it must be called in all of them, in the same order.

    Parameters
    ----------
    rank
        Number of this process, from 0.
    size
        How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that speaks to the user and writes."""
        return self.rank == 0

    def share(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give this process's share of some items ``(n,)``: every `size`-th, which may be none.

        Sequences that stand in order of length are shared out evenly, and stay in order.
        """
        return items[self.rank :: self.size]

    def collect(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Put the rows ``(n, ...)`` that belong to each share into the order of all items."""
        parts = [
            np.frombuffer(content, rows.dtype).reshape(-1, *rows.shape[1:])
            for content in self.gather(rows.tobytes())
        ]
        whole = np.empty((sum(map(len, parts)), *rows.shape[1:]), rows.dtype)
        for rank, part in enumerate(parts):
            whole[rank :: self.size] = part
        return whole

    def wrap(self, model: nn.Module) -> nn.Module:
        """Let the gradients of a model be their mean over the processes."""
        if self.size == 1:
            return model
        with noticing_losses():
            return DistributedDataParallel(model)

    def mean(self, value: float) -> float:
        """Take the mean of a number over the processes."""
        return float(self._reduce([value], torch.float64, distributed.ReduceOp.SUM)[0]) / self.size

    def largest(self, *numbers: int) -> list[int]:
        """Take the largest value over the processes, of each of some numbers."""
        return self._reduce(list(numbers), torch.int64, distributed.ReduceOp.MAX)

    def as_in_first(self, value: Any) -> Any:
        """Give the JSON value that the first process has."""
        return json.loads(self.broadcast(json.dumps(value).encode()))

    def broadcast(self, content: bytes, source: int = 0) -> bytes:
        """Give the bytes that one process has."""
        if self.size == 1:
            return content
        [length] = self.largest(len(content) if self.rank == source else 0)
        buffer = bytearray(content if self.rank == source else length)
        if length:
            with noticing_losses():
                distributed.broadcast(torch.frombuffer(buffer, dtype=torch.uint8), source)
        return bytes(buffer)

    def gather(self, content: bytes) -> list[bytes]:
        """Give the bytes that each process has, in their order."""
        return [self.broadcast(content, source) for source in range(self.size)]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let a block, in which the processes tell each other nothing, fail in all or in none.

        Raises
        ------
        SeqwiseError
            In each process, that of the first one that has failed.
        """
        failure = ""
        try:
            yield
        except SeqwiseError as error:
            if self.size == 1:
                raise
            failure = _spell(error)
        failures = [each.decode() for each in self.gather(failure.encode()) if each]
        if failures:
            raise _read_error(failures[0])

    def check_same(self, content: bytes) -> None:
        """Make sure that all processes have the same bytes.

        Raises
        ------
        ProcessError
            In each process, if one differs from the first.
        """
        contents = self.gather(content)
        differing = [rank for rank, each in enumerate(contents) if each != contents[0]]
        if differing:
            found = f"process {differing[0]} has other records, settings or versions than the first"
            remedy = "give each host the same file, command and versions"
            raise ProcessError(Problem(Code.PROCESSES_DIFFER, found, "the same in all", remedy))

    def wait_for_first(self) -> None:
        """Wait for the first process to end, which says why before torchrun ends it, too."""
        with suppress(ProcessError):
            self.largest(0)  # which it never reaches

    def _reduce(self, numbers: list[Any], kind: torch.dtype, how: Any) -> list[Any]:
        if self.size == 1:
            return numbers
        tensor = torch.tensor(numbers, dtype=kind)
        with noticing_losses():
            distributed.all_reduce(tensor, how)
        return tensor.tolist()


ALONE = World()


@contextmanager
def join_world() -> Iterator[World]:
    """Meet the other processes of a training, where torchrun has started some.

    What comes out of `World.wrap` holds the connection as well; whoever has called it lets go of it
    before the processes part.

    Raises
    ------
    ProcessError
        If they cannot be reached.
    """
    if not all(os.environ.get(name) for name in ADDRESS) or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    with noticing_losses():
        world = _meet()
    # Where there was an error, too, but then at the end: the others wait for this process to end.
    atexit.register(_part)
    yield world
    _part()


def _part() -> None:
    """End the connection, and the threads that serve it, while Python still runs.

    A thread of gloo may be the last one to hold a tensor, and lets go of it with Python's help. If
    Python ends just then, it ends the thread, and with it, by C++'s ``terminate``, the process.
    """
    if distributed.is_initialized():
        distributed.destroy_process_group()
    gc.collect()


def _meet() -> World:
    store, rank, size = next(rendezvous("env://"))
    if os.environ.get("GROUP_WORLD_SIZE") == "1":
        # On one host torchrun may keep the store when it starts processes anew (--max-restarts),
        # and in it the addresses of those that are gone.
        store = PrefixStore(os.environ["TORCHELASTIC_RESTART_COUNT"], store)
    # Before there is a group: DistributedDataParallel would import it when there is one, and the
    # defaults of its functions would keep that, and its threads, to the end of Python. Not in a
    # training of one process, which it would start later by a tenth of a second.
    from torch.distributed.nn import functional  # noqa: F401, PLC0415

    # gloo for what processes tell each other, nccl for gradients that are on GPUs.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(
        backend, store=store, rank=rank, world_size=size, timeout=PATIENCE
    )
    return World(rank, size)


def take_device(device: Device) -> None:
    """Where processes compute on GPUs, take the one of this process's number on its host.

    Raises
    ------
    ConfigError
        If there is none.
    """
    number = torch.cuda.device_count()
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if choose_device(device).type != "cuda":
        return
    if local_rank >= number:
        found = f"more processes than GPUs on this host, which has {number}"
        remedy = f"start {number} (torchrun --nproc-per-node {number}), or use --device cpu"
        raise ConfigError(Problem(Code.BAD_SETTING, found, "a GPU for each", remedy))
    torch.cuda.set_device(local_rank)


@contextmanager
def noticing_losses() -> Iterator[None]:
    """Turn the errors of a connection into one that says what has happened.

    Raises
    ------
    ProcessError
        If another process has gone.
    """
    try:
        yield
    except RuntimeError as error:
        # gloo's errors have no class of their own.
        if not isinstance(error, distributed.DistError) and "gloo" not in str(error):
            raise
        found, expected = "another process of this training has gone", "all of them until the end"
        remedy = "see what it said last, and go on from the last checkpoint (--resume)"
        raise ProcessError(Problem(Code.PROCESS_LOST, found, expected, remedy)) from error


def _spell(error: SeqwiseError) -> str:
    problems = [asdict(each) for each in (error.problem, *error.others)]
    return json.dumps([type(error).__name__, problems, error.count])


def _read_error(text: str) -> SeqwiseError:
    name, problems, count = json.loads(text)
    kinds = {kind.__name__: kind for kind in SeqwiseError.__subclasses__()}
    first, *others = (Problem(**{**each, "code": Code(each["code"])}) for each in problems)
    return kinds[name](first, others=others, count=count)
