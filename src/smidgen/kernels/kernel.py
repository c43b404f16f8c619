# SPDX-License-Identifier: Apache-2.0
"""The record of a kernel and the choice between kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smidgen.errors import Finding, NoKernel
from smidgen.ir import Array, Node, Op
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.library import LibraryCode
from smidgen.targets.target import Core

Predicate = Callable[[Node], bool]
"""Its docstring is the sentence that a rejection and docs/supported-ops.md show."""

ParamValue = int | float | tuple[int, ...] | Array | Mapping[str, "ParamValue"]
"""A field of a parameter struct: a number, an array held in the struct (tuple), an array it points to, or a struct."""

ROOT = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Packed:
    """A constant operand as the C code expects it. ``None`` data means: pass a null pointer."""

    data: Array | None


def no_params(node: Node) -> Mapping[str, ParamValue]:
    return {}


def no_scratch(node: Node) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Kernel:
    """One C function. The file is ``<symbol>.c`` in the folder of its family, its type ``smg_<contract>_kernel``
    and its parameters ``smg_<contract>_params``, both in include/smg_kernels.h.

    ``cost`` gives modelled cycles on a core with zero wait states. ``pack(node)`` gives, by operand name, the
    constants that differ from the node's own (weights reordered, bias with the zero point folded in, ...).
    ``scratch(node)`` gives bytes, 8-byte aligned by the planner, contents undefined on entry. ``inplace`` names the
    operand whose buffer the output may take over. Every kernel is exact: equal to ``Op.evaluate`` for every node that
    ``requires`` admits.

    ``constants(node)`` gives macros that fix a function's shape: such a kernel's body is ``<symbol>.inc.h``, and each
    distinct set of constants is a function of its own (kernels/instance.py). ``footprint(node)`` estimates, from above,
    the code and stack bytes of that function; kernels without constants are measured in footprint.toml.
    """

    symbol: str
    family: str
    contract: str
    op: type[Op]
    cost: Callable[[Node, Core], float]
    params: Callable[[Node], Mapping[str, ParamValue]] = no_params
    isa: frozenset[str] = frozenset()
    requires: tuple[Predicate, ...] = ()
    pack: Callable[[Node], Mapping[str, Packed]] | None = None
    scratch: Callable[[Node], int] = no_scratch
    inplace: str | None = None
    overlap: Callable[[Node], Mapping[str, int]] | None = None
    """Lead in bytes by buffer, "y" or "scratch": how far above that buffer's start the first operand may start and
    share its bytes, if it dies here. The kernel reads each byte of the operand before it writes there or above."""
    includes: tuple[str, ...] = ()  # headers beside the .c file that it includes, beyond include/
    constants: Callable[[Node], Mapping[str, int]] | None = None
    footprint: Callable[[Node], tuple[int, int]] | None = None
    flash_use: Callable[[Node], FlashUse] | None = None
    """What it fetches from flash more than once; None: no constants, and only loops that fit any code cache."""
    unless: frozenset[str] = frozenset()  # features of cores that have better kernels: it is no candidate there
    library: LibraryCode | None = None  # somebody else's code that it calls

    def rejects(self, node: Node, core: Core) -> str | None:
        """Why this kernel cannot compute ``node`` on ``core``, or None if it can."""
        if missing := self.isa - core.features:
            return f"core {core.name} lacks {', '.join(sorted(missing))}"
        if better := self.unless & core.features:
            return f"core {core.name} has {', '.join(sorted(better))}, and better kernels with it"
        return next((f"needs: {p.__doc__}" for p in self.requires if not p(node)), None)

    def packed(self, node: Node) -> Mapping[str, Packed]:
        return self.pack(node) if self.pack else {}


@dataclass(frozen=True, slots=True)
class Choice:
    """What was taken for a node, at what modelled cost, and each alternative with its reason or its extra cycles."""

    kernel: Kernel
    cycles: float
    rejected: tuple[tuple[str, str], ...]


def source_path(kernel: Kernel) -> Path:
    """The kernel's C file, or the body of its instances."""
    return ROOT / kernel.family / f"{kernel.symbol}{'.inc.h' if kernel.constants else '.c'}"


def admissible(
    node: Node, core: Core, kernels: Sequence[Kernel], *, force: str | None = None
) -> tuple[tuple[tuple[float, Kernel], ...], tuple[tuple[str, str], ...]]:
    """Every kernel that may compute ``node`` on ``core`` with its cycles, cheapest first, and the others' reasons.

    ``force`` names the one to take. Raises NoKernel with every candidate's reason.
    """
    able: list[tuple[float, str, Kernel]] = []
    rejected: list[tuple[str, str]] = []
    for k in kernels:
        if k.op is not type(node.op):
            continue
        reason = k.rejects(node, core)
        if reason is None and force is not None and k.symbol != force:
            reason = f"{force} was asked for"
        if reason is None:
            able.append((k.cost(node, core), k.symbol, k))
        else:
            rejected.append((k.symbol, reason))
    if not able:
        raise _no_kernel(node, core, rejected)
    able.sort(key=lambda t: t[:2])
    return tuple((cycles, k) for cycles, _, k in able), tuple(rejected)


def _no_kernel(node: Node, core: Core, rejected: Sequence[tuple[str, str]]) -> NoKernel:
    tried = "".join(f"\n  {s}: {r}" for s, r in rejected) or "\n  (none is registered for this op)"
    what = type(node.op).__name__
    unmet = list(dict.fromkeys(reason for _, reason in rejected))
    telling = [r for r in unmet if "rounding" not in r] or unmet  # kernels of the other rounding never come close
    reasons = "; ".join(telling) or "none is registered"
    finding = Finding(what, node.loc, f"no kernel on {core.name}: {reasons}", "Change that layer, or add a kernel")
    return NoKernel(f"{node.loc}: no kernel for {what} on {core.name}. Tried:{tried}", [finding])
