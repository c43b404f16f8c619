# SPDX-License-Identifier: Apache-2.0
"""One RTL-simulated core with one ELF file loaded, offered as a ``Port``."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

from smidgen.build.elf import Elf
from smidgen.errors import SimulationError, TargetError
from smidgen.sim.port import Reading
from smidgen.sim.rtl.build import build_simulator, simulator_identity
from smidgen.sim.rtl.cores import RtlCore
from smidgen.sim.rtl.server import Answer, Request, Server, Status
from smidgen.sim.simulator import Limits
from smidgen.sim.stops import FAULT, fault, hint, not_reached, placed
from smidgen.targets import Target

WINDOW_BYTES = 8 << 20
"""The simulated memory: flash and RAM lie in one aligned window of so many bytes."""

SLICE_CYCLES = 400_000
"""A run comes back so often to look at the clock: about every tenth of a second."""

_NO_LIMIT = (1 << 64) - 1
_GRACE_SECONDS = 20.0  # for an answer that takes milliseconds, on a busy machine


class RtlPort:
    """State: the process that simulates the core; memory can be reached after ``reset``. Meets ``Port``, counts cycles.

    The core is stopped at the moment an instruction executes and before it has done anything, so memory and registers
    are what all instructions before it have left. VexRiscv's caches stay as the program left them between runs, like
    on a board; lines of bytes that ``write`` changes are dropped. There an instruction may have read its operand up to
    two instructions before it executes: a load among the first two after a stop does not see what is written there.
    """

    def __init__(self, elf: Elf, target: Target, core: RtlCore) -> None:
        self.elf = elf
        self.target = target
        self.core = core
        self.where = ""
        self._actions: list[tuple[frozenset[int], Callable[[int], None]]] = []
        self._stops: frozenset[int] = frozenset()
        self._fault = elf.by_name[FAULT].address if FAULT in elf.by_name else None
        self._state = Answer(Status.DONE, 0, 0, 0, 0, 0, 0, b"")
        self._server = Server(build_simulator(core), core.name)
        try:
            self._load()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def simulator(self) -> str:
        return simulator_identity(self.core)

    @property
    def process_id(self) -> int:
        return self._server.process_id

    def _load(self) -> None:
        flash, ram = self.target.region("flash"), self.target.region("sram")
        window = flash.base & -WINDOW_BYTES
        if any(r.base < window or r.base + r.size_bytes > window + WINDOW_BYTES for r in (flash, ram)):
            raise TargetError(
                f"target {self.target.name}: the {self.core.name} simulator has {WINDOW_BYTES} bytes of memory at "
                f"{window:#010x}, flash and RAM must lie within"
            )
        self._ask(Request.REGIONS, struct.pack("<4I", flash.base, flash.size_bytes, ram.base, ram.size_bytes))
        for segment in self.elf.segments:
            if not segment.data:
                continue
            end = segment.physical + len(segment.data)
            if not any(r.base <= segment.physical and end <= r.base + r.size_bytes for r in (flash, ram)):
                raise SimulationError(
                    f"{self.elf.path}: bytes to load at {segment.physical:#010x} to {end:#010x} lie outside of the "
                    f"memories of {self.target.name}; link for this target"
                )
            self._ask(Request.IMAGE, segment.data, address=segment.physical)

    def reset(self) -> None:
        """Memory outside of the image is zero."""
        self._state = self._ask(Request.RESET)

    def run(self, until: int, limits: Limits) -> None:
        self._set_stops(until)
        self._act()
        deadline = time.monotonic() + limits.seconds
        most = _NO_LIMIT if limits.instructions is None else self._state.instructions + limits.instructions
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise not_reached(self, until, limits)
            self._state = self._ask(Request.RUN, instructions=most, cycles=SLICE_CYCLES, seconds=left)
            if self._state.status is Status.INSTRUCTIONS:
                raise not_reached(self, until, limits)
            if self._state.status is Status.REACHED:
                if self.pc == until:
                    return
                if self.pc == self._fault:
                    raise fault(self)
                self._act()

    def _act(self) -> None:
        """Calls the actions for the instruction that this run executes next."""
        for addresses, action in self._actions:
            if self.pc in addresses:
                action(self.pc)

    def on_reach(self, addresses: Iterable[int], action: Callable[[int], None]) -> None:
        self._actions.append((frozenset(addresses), action))

    def read(self, address: int, nbytes: int) -> bytes:
        return self._ask(Request.READ, address=address, instructions=nbytes).data if nbytes else b""

    def write(self, address: int, data: bytes) -> None:
        if data:
            self._ask(Request.WRITE, data, address=address)

    @property
    def pc(self) -> int:
        return self._state.pc

    @property
    def sp(self) -> int:
        return self._state.sp

    @property
    def lr(self) -> int:
        return self._state.ra

    def reading(self) -> Reading:
        return Reading(self._state.instructions, self._state.cycles)

    def functions(self) -> Mapping[str, Reading]:
        """What each function met since reset took, by name, the most cycles first; what is in none is left out."""
        spans: dict[tuple[int, int], str] = {}
        for function in self.elf.functions:
            if any(r.contains(function.address) for r in self.target.regions):
                spans.setdefault((function.address, function.address + max(function.nbytes, 2)), function.name)
        payload = b"".join(struct.pack("<2I", *span) for span in spans)
        sums = struct.iter_unpack("<2Q", self._ask(Request.CHARGES, payload).data)
        found: dict[str, Reading] = {}
        for name, (instructions, cycles) in zip(spans.values(), sums, strict=True):
            if instructions:  # static functions may share a name
                before = found.get(name, Reading(0, 0))
                found[name] = Reading(before.instructions + instructions, (before.cycles or 0) + cycles)
        return dict(sorted(found.items(), key=lambda item: (-(item[1].cycles or 0), item[0])))

    def place(self) -> str:
        return placed(self)

    def close(self) -> None:
        self._server.close()

    def _set_stops(self, until: int) -> None:
        """Runs end at ``until``, at what actions wait for and at the fault handler."""
        fault = [] if self._fault is None else [self._fault]
        stops = frozenset([until, *fault, *(a for addresses, _ in self._actions for a in addresses)])
        if stops != self._stops:
            self._ask(Request.STOPS, struct.pack(f"<{len(stops)}I", *sorted(stops)))
            self._stops = stops

    def _ask(
        self, request: Request, payload: bytes = b"", *, address: int = 0, instructions: int = 0, cycles: int = 0,
        seconds: float = 0.0,
    ) -> Answer:  # fmt: skip
        answer = self._server.ask(
            request,
            payload,
            address=address,
            instructions=instructions,
            cycles=cycles,
            seconds=seconds + _GRACE_SECONDS,
        )
        match answer.status:
            case Status.REFUSED:
                where = f" ({self.where})" if self.where else ""
                raise SimulationError(
                    f"a {request.name.lower()} at {address:#010x} is outside of the memory of {self.target.name}{where}"
                )
            case Status.BAD_LOAD:
                reason = f"a load from {answer.address:#010x}, which is no memory"
            case Status.BAD_STORE:
                reason = f"a store to {answer.address:#010x}, which is no RAM"
            case Status.BAD_JUMP:
                reason = "a jump to an address that is no memory"
            case Status.STALLED:
                reason = "it waits for ever (wfi, or an access without an answer)"
            case _:
                return answer
        self._state = answer
        raise SimulationError(f"the core faulted{self.place()}: {reason}{hint(self)}")
