# SPDX-License-Identifier: Apache-2.0
"""Runs inputs on devices: one in this process, or several virtual boards in processes of their own."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

from smidgen.errors import DeviceError, InternalError, SmidgenError
from smidgen.mlperf.formats.results_types import Entry
from smidgen.mlperf.link import Link
from smidgen.mlperf.runner.measure import Bench, Job, Monitor, Order
from smidgen.mlperf.runner.protocol import DIRECT_BYTES, THROUGH_MANAGER_BYTES, Device, Identity

_END_S = 5.0
_TOLD_S = 0.25  # a worker keeps what it has measured for so long at most


@dataclass(frozen=True, slots=True)
class Opened:
    """A line to a device, and what records its energy. ``chunk_bytes`` of an input go into one command; None: as many
    as every device takes. ``queues``: as Device's."""

    link: Link
    monitor: Monitor | None = None
    through_manager: bool = False
    chunk_bytes: int | None = None
    queues: bool = False


class Opener(Protocol):
    """Opens a line to a device; picklable where several processes are to have one each."""

    def __call__(self) -> Opened: ...


OnEntry = Callable[[Job, Entry], None]
Note = Callable[[str], None]


@contextlib.contextmanager
def bench(opener: Opener, order: Order, note: Note) -> Iterator[Bench]:
    """A device, opened and asked who it is; closed whatever happens."""
    opened = opener()
    try:
        chunk = opened.chunk_bytes or (THROUGH_MANAGER_BYTES if opened.through_manager else DIRECT_BYTES)
        made = Bench(Device(opened.link, chunk_bytes=chunk, queues=opened.queues), order, opened.monitor, note)
        made.open()
        yield made
    finally:
        opened.link.close()


def run_here(made: Bench, first: Job, batches: Iterable[Sequence[Job]], on_entry: OnEntry) -> None:
    """Run every job on one device, in order. ``first`` is what its speed is learnt from."""
    made.calibrate(first)
    for batch in batches:
        for job in batch:
            on_entry(job, made.measure(job))


def run_apart(
    opener: Opener,
    order: Order,
    identity: Identity,
    first: Job,
    batches: Iterable[Sequence[Job]],
    on_entry: OnEntry,
    *,
    processes: int,
    note: Note,
) -> None:
    """The same over several processes, which all end with this call, whatever happens. ``on_entry`` is called here."""
    context = multiprocessing.get_context("spawn")
    workers: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, opener, order, identity, first), daemon=True)
            workers[ours] = process
            process.start()
            theirs.close()
        _serve(workers, iter(batches), on_entry, note)
    finally:
        _end(workers)


def _serve(
    workers: dict[Connection, BaseProcess], batches: Iterator[Sequence[Job]], on_entry: OnEntry, note: Note
) -> None:
    """Give a batch to each worker that asks, and take what they send, until all have been told that it is over."""
    busy = set(workers)
    jobs: dict[int, Job] = {}
    while busy:
        for ready in wait(list(busy)):
            assert isinstance(ready, Connection)
            try:
                kind, value = ready.recv()
            except (EOFError, OSError) as e:
                code = workers[ready].exitcode
                raise DeviceError(f"the process of a virtual board ended (exit code {code}); --resume goes on") from e
            if kind == "ask":
                batch = next(batches, None)
                ready.send(batch)
                if batch is None:
                    busy.discard(ready)
                else:
                    jobs |= {job.index: job for job in batch}
            elif kind == "entries":
                for index, entry in value:
                    on_entry(jobs.pop(index), entry)
            elif kind == "note":
                note(value)
            else:
                raise value


def _end(workers: dict[Connection, BaseProcess]) -> None:
    for connection in workers:
        connection.close()
    for process in workers.values():
        if process.pid is not None and process.is_alive():
            process.terminate()
    for process in workers.values():
        if process.pid is None:
            continue
        process.join(_END_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def _measure(made: Bench, batch: Sequence[Job], connection: Connection) -> None:
    """Run a batch and send its entries, several in one message; those before a failure, too."""
    entries: list[tuple[int, Entry]] = []
    told = time.monotonic()
    try:
        for job in batch:
            entries.append((job.index, made.measure(job)))
            if time.monotonic() - told >= _TOLD_S:
                connection.send(("entries", entries))
                entries, told = [], time.monotonic()
    finally:
        if entries:
            connection.send(("entries", entries))


def _work(connection: Connection, opener: Opener, order: Order, identity: Identity, first: Job) -> None:
    """The life of a worker: it asks for batches until there are none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.suppress(BrokenPipeError, EOFError):
        try:
            with bench(opener, order, lambda text: connection.send(("note", text))) as made:
                if made.identity != identity:
                    raise InternalError(f"boards differ: {made.identity}, {identity}")
                made.calibrate(first)
                connection.send(("ask", None))
                while (batch := connection.recv()) is not None:
                    _measure(made, batch, connection)
                    connection.send(("ask", None))
        except SmidgenError as e:
            connection.send(("failed", e))
        except (BrokenPipeError, EOFError):
            raise
        except Exception as e:
            connection.send(("failed", InternalError(f"in the process of a virtual board: {type(e).__name__}: {e}")))
    connection.close()
