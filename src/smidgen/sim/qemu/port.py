# SPDX-License-Identifier: Apache-2.0
"""A core on QEMU with one ELF file in its memory. Meets ``Port``."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable, Iterable, Iterator

from smidgen.build.elf import Elf
from smidgen.errors import SimulationError, TargetError
from smidgen.sim.port import Reading
from smidgen.sim.qemu.gdb import GdbClient, Refused
from smidgen.sim.qemu.machines import machine_of
from smidgen.sim.qemu.monitor import Monitor
from smidgen.sim.qemu.process import QemuProcess
from smidgen.sim.simulator import Limits
from smidgen.sim.stops import FAULT, fault, not_reached, placed
from smidgen.targets import Target

_LOOK_S = 0.02  # between two looks at the count of a core that runs with a limit of instructions


class QemuPort:
    """State: a QEMU process, from ``reset`` to ``close``.

    ``-icount shift=0`` makes QEMU count every instruction executed, the same in every run; the count is read from its
    monitor, so neither the program nor a stop changes it. All memory of QEMU's boards can be written: a store into
    flash is not noticed. Whether a run keeps its limit of instructions is exact, but the core that does not may stop
    some way past it: the count is looked at every 20 ms.
    """

    def __init__(self, elf: Elf, target: Target) -> None:
        """ToolNotFound without QEMU, ImageError for a file of another instruction set, TargetError."""
        elf.require(target)
        self.elf = elf
        self.target = target
        self.where = ""  # what is being run, for messages: a step's label
        self._machine = machine_of(target)
        self._program = self._machine.emulator.find()
        self._actions: dict[int, list[Callable[[int], None]]] = {}
        self._stops: set[int] = set()
        self._fault = elf.by_name[FAULT].address if FAULT in elf.by_name else None
        self._process: QemuProcess | None = None
        self._start_count = 0
        self._pc: int | None = None  # of the core that stands; None: not asked yet
        self.simulator = ""  # QEMU's version, from reset on

    def __enter__(self) -> QemuPort:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends QEMU."""
        if self._process is not None:
            self._process.close()
            self._process = None

    @property
    def pid(self) -> int:
        """QEMU's process."""
        if self._process is None:
            raise SimulationError("the simulated core is not running: reset it first")
        return self._process.pid

    def reset(self) -> None:
        """Starts a QEMU of its own: nothing of an earlier run remains."""
        self.close()
        arguments = (*self._machine.arguments(self.target), "-kernel", str(self.elf.path))
        self._process = QemuProcess(self._program, arguments)
        self._stops = set()
        self._pc = None
        with self._talking():
            self._monitor = Monitor(self._process.monitor)
            self._gdb = GdbClient(self._process.gdb)
            self.simulator = self._monitor.version
            self._check_memory()
            if self._machine.isa == "riscv":  # QEMU would come here from a boot ROM of its own
                self._gdb.write_register(self._machine.emulator.pc, self.target.region("flash").base)
            self._start_count = self._monitor.instructions()

    def _check_memory(self) -> None:
        """By writing too: elsewhere, as in a window for devices, every read may give the same."""
        for region in self.target.regions:
            for address in (region.base, region.base + region.size_bytes - 4):
                try:
                    before = self._gdb.read(address, 4)
                    other = bytes(b ^ 0x5A for b in before)
                    self._gdb.write(address, other)
                    kept = self._gdb.read(address, 4) == other
                    self._gdb.write(address, before)
                except Refused:
                    kept = False
                if not kept:
                    self.close()
                    raise TargetError(
                        f"{self.target.name}: QEMU's {self._machine.board} has no memory at {address:#010x}, where the "
                        f"region {region.name!r} lies; change the region or the core's machine"
                    ) from None

    def run(self, until: int, limits: Limits) -> None:
        """As ``Port.run``."""
        deadline = time.monotonic() + limits.seconds
        with self._talking():
            last = None if limits.instructions is None else self._monitor.instructions() + limits.instructions
            self._stop_at({until, *self._actions, *(() if self._fault is None else (self._fault,))})
            while True:
                in_time = self._go_on(deadline, last)
                if not in_time or (last is not None and self._monitor.instructions() > last):
                    raise not_reached(self, until, limits)
                if self.pc == until:
                    return
                if self.pc == self._fault:
                    raise fault(self)

    def _go_on(self, deadline: float, last: int | None) -> bool:
        """Runs to the next place to stop at, by at least one instruction. False if a limit stopped the core."""
        for action in self._actions.get(self.pc, ()):
            action(self.pc)
        self._pc = None
        self._gdb.step()  # off a place that it stops at
        if not self._wait(deadline, last):
            return False
        if self.pc in self._stops:
            return time.monotonic() < deadline
        self._pc = None
        self._gdb.resume()
        return self._wait(deadline, last)

    def _stop_at(self, addresses: set[int]) -> None:
        for address in sorted(addresses - self._stops):
            self._gdb.stop_at(address)
        for address in sorted(self._stops - addresses):
            self._gdb.run_past(address)
        self._stops = addresses

    def _wait(self, deadline: float, last: int | None) -> bool:
        """False if a limit stopped the core."""
        while True:
            left = deadline - time.monotonic()
            look = left if last is None else min(left, _LOOK_S)
            if self._gdb.wait(max(0.0, look)):
                self._monitor.drain()
                return True
            if time.monotonic() >= deadline or (last is not None and self._monitor.instructions() > last):
                self._gdb.interrupt()
                return False

    def on_reach(self, addresses: Iterable[int], action: Callable[[int], None]) -> None:
        """As ``Port.on_reach``."""
        for address in addresses:
            self._actions.setdefault(address, []).append(action)

    def read(self, address: int, nbytes: int) -> bytes:
        with self._talking(f"{nbytes} bytes at {address:#010x} cannot be read"):
            return self._gdb.read(address, nbytes)

    def write(self, address: int, data: bytes) -> None:
        with self._talking(f"{len(data)} bytes at {address:#010x} cannot be written"):
            self._gdb.write(address, data)

    @property
    def pc(self) -> int:
        if self._pc is None:
            self._pc = self._register(self._machine.emulator.pc) & ~1
        return self._pc

    @property
    def sp(self) -> int:
        return self._register(self._machine.emulator.sp)

    @property
    def lr(self) -> int:
        return self._register(self._machine.emulator.lr)

    def _register(self, number: int) -> int:
        with self._talking():
            return self._gdb.read_register(number)

    def reading(self) -> Reading:
        """Instructions since reset; an instruction that its condition skips counts as one."""
        with self._talking():
            return Reading(self._monitor.instructions() - self._start_count)

    def place(self) -> str:
        """As ``Port.place``."""
        return placed(self)

    @contextlib.contextmanager
    def _talking(self, what: str = "QEMU refused a request") -> Iterator[None]:
        """SimulationError instead of what the lines raise. A QEMU that went away is closed."""
        if self._process is None:
            raise SimulationError("the simulated core is not running: reset it first")
        process = self._process
        try:
            yield
        except Refused:
            raise SimulationError(f"{what}: {self._machine.board} has no such memory{self.place()}") from None
        except (OSError, EOFError, TimeoutError, ValueError, KeyError, struct.error) as error:
            how = process.how_it_ended()
            self.close()
            step = f", {self.where}" if self.where else ""
            raise SimulationError(f"the simulator failed{step}: {how}") from error
