# SPDX-License-Identifier: Apache-2.0
"""What a quantised graph takes on a board: flash, RAM, modelled cycles and energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from smidgen.codegen import Origin, emit
from smidgen.errors import UsageError
from smidgen.ir import Graph, Node
from smidgen.schedule import Objective, Setting, make_schedule
from smidgen.targets import Target
from smidgen.transforms import INTEGER, run_pipeline

Minimized = Literal["flash", "weights", "ram", "cycles", "energy"]

MINIMIZED: Mapping[Minimized, str] = {
    "flash": "bytes of constants and code",
    "weights": "bytes of constants as stored: weights, biases, tables",
    "ram": "bytes of arena and stack",
    "cycles": "modelled cycles of one inference, without wait states",
    "energy": "those cycles times the board's energy a cycle",
}
"""Each cost that a search can minimise and what it is of."""


OPTIMIZE: Mapping[Minimized, Setting] = {
    "flash": "size",
    "weights": "size",
    "ram": "ram",
    "cycles": "speed",
    "energy": "speed",
}
"""How the kernels of programs are chosen whose costs are compared: as ``compile --optimize`` does for that cost."""


UNITS: Mapping[Minimized, str] = {
    "flash": "bytes",
    "weights": "bytes",
    "ram": "bytes",
    "cycles": "cycles",
    "energy": "µJ",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one program. ``weights_bytes``: the layers' weights as they are kept: four bits each (and four for each group)
    in int4 layers, 16 in float16 layers; ``constants_bytes``: all that flash keeps beside code: biases, tables, what
    packing adds. Code, stack and cycles are modelled. Energy in microjoules, None for a board without a figure.
    """

    weights_bytes: int
    constants_bytes: int
    code_bytes: int
    ram_bytes: int
    cycles: float
    energy_uj: float | None

    @property
    def flash_bytes(self) -> int:
        return self.constants_bytes + self.code_bytes

    def of(self, what: Minimized) -> float:
        """The figure that is minimised."""
        if what == "energy":
            assert self.energy_uj is not None, "check_minimized comes first"
            return self.energy_uj
        bytes_of = {"flash": self.flash_bytes, "weights": self.constants_bytes, "ram": self.ram_bytes}
        return bytes_of.get(what, self.cycles)


def check_minimized(what: str, target: Target) -> Minimized:
    """``what`` as one of the costs; UsageError for another word, or energy on a board without a figure for it."""
    for known in MINIMIZED:
        if what == known:
            if known == "energy" and target.energy is None:
                raise UsageError(
                    f"{target.name} has no figure for energy: add [energy] with picojoules_per_cycle and provenance to "
                    f"its .toml, or minimise cycles, which energy is in proportion to"
                )
            return known
    raise UsageError(f"no cost {what!r} to minimise; there are {', '.join(MINIMIZED)}")


def lower(graph: Graph) -> Graph:
    """The graph as it is compiled."""
    return run_pipeline(INTEGER, graph)


def cost_of(lowered: Graph, target: Target, setting: Setting = "speed") -> Cost:
    """What the lowered graph takes on ``target``, its kernels chosen for ``setting``. NoKernel as for compiling."""
    schedule = make_schedule(lowered, target, objective=Objective(setting))
    _, memory = emit(schedule, Origin("a graph", "", ""))
    weights = sum(_weights_bytes(step.node) for step in schedule.steps)
    cycles = schedule.modelled_cycles
    energy = None if target.energy is None else cycles * target.energy.picojoules_per_cycle / 1e6
    return Cost(weights, memory.weights, memory.code, memory.ram, cycles, energy)


def _weights_bytes(node: Node) -> int:
    w = node.get("w") if "w" in node.op.operands else None
    if w is None or w.data is None:
        return 0
    return w.type.stored_nbytes
