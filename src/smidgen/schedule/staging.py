# SPDX-License-Identifier: Apache-2.0
"""Where the weights are read from, and for which steps it pays to copy them to RAM first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, cast, get_args

from smidgen.errors import UsageError
from smidgen.ir import Array, Node
from smidgen.kernels import Choice, Kernel, footprint, function_name
from smidgen.kernels.flash_use import FlashUse, expected_stalls
from smidgen.schedule.plan import aligned
from smidgen.targets import Target

Weights = Literal["flash", "staged", "sram"]

WEIGHTS: Mapping[Weights, str] = {
    "flash": "read where they lie",
    "staged": "copied to the arena before each step that reads them often enough, while it runs",
    "sram": "copied to RAM once, at start-up",
}
"""Each place of the weights and what it means, as help and documentation show it."""

Code = Literal["flash", "sram"]

CODE: Mapping[Code, str] = {
    "flash": "run where it lies",
    "sram": "kernels whose hot loops exceed the flash's instruction cache are copied to RAM at start-up and run there, "
    "where that gains 0.1 % of all cycles a KB",
}
"""Each place of the code and what it means."""

_LEAST_GAIN_PER_BYTE = 0.001 / 1024  # of all cycles, for a kernel to be worth RAM
_USUAL_GAIN = 0.05  # of a kernel's cycles, if it is larger than the cache and does not say what its loops fetch
_COPY_CYCLES_PER_BYTE = 0.75  # 16 bytes in 12 cycles: LDM and STM of four words, SUBS, branch (measured 0.7 to 0.8)
_OUTPUTS_PER_PASS = 16  # positions that one reading of the weights serves: 4 to 16 in the kernels there are


def check_weights(text: str) -> Weights:
    """``text`` as a place of the weights; UsageError if it is none."""
    if text not in get_args(Weights):
        raise UsageError(f"no place {text!r} for weights; there are {', '.join(WEIGHTS)}")
    return cast(Weights, text)  # just compared with all of them


def check_code(text: str) -> Code:
    """``text`` as a place of the code; UsageError if it is none."""
    if text not in get_args(Code):
        raise UsageError(f"no place {text!r} for code; there are {', '.join(CODE)}")
    return cast(Code, text)  # just compared with all of them


def choose_ram_code(choices: Mapping[Node, Choice], target: Target, limit_bytes: int | None) -> tuple[str, ...]:
    """The C files of kernels to run from RAM: those that gain enough, most cycles a byte first, as many as that RAM and
    the limit hold. UsageError if the board has none."""
    region = target.code_ram
    if region is None:
        raise UsageError(
            f"{target.name} has no RAM that code runs from without wait states: leave --code at flash, or describe "
            "such a region in the board's file (alias)"
        )
    nbytes: dict[str, int] = {}
    gains: dict[str, float] = {}
    for node, choice in choices.items():
        file = f"kernels/{function_name(choice.kernel, node)}.c"
        nbytes[file] = max(footprint.of(choice.kernel, node)[0], 1)
        gains[file] = gains.get(file, 0.0) + code_gain_cycles(choice, node, target)
    least = _LEAST_GAIN_PER_BYTE * sum(choice.cycles for choice in choices.values())
    room = min(region.size_bytes, limit_bytes if limit_bytes is not None else region.size_bytes)
    taken: list[str] = []
    for file in sorted(nbytes, key=lambda f: (-gains[f] / nbytes[f], f)):
        if gains[file] > least * nbytes[file] and nbytes[file] <= room:
            taken.append(file)
            room -= nbytes[file]
    return tuple(sorted(taken))


def code_gain_cycles(choice: Choice, node: Node, target: Target) -> float:
    """Cycles that running a step's kernel from RAM is expected to save: the stalls of loops that miss the cache."""
    cache, kernel = target.flash_cache, choice.kernel
    held = cache.instruction_lines * cache.line_bytes if cache is not None else 0
    if not target.region("flash").wait_states or footprint.of(kernel, node)[0] <= held:
        return 0.0
    if kernel.flash_use is None:
        return _USUAL_GAIN * choice.cycles
    return expected_stalls(FlashUse(0, kernel.flash_use(node).loops), target)


def operand_arrays(kernel: Kernel, node: Node) -> list[tuple[str, Array]]:
    """The constants that the kernel is handed as operands, as packed, with the operands' names."""
    if node.op.operands and node.op.operands[-1].endswith("*"):
        return []  # a list of operands: nothing that a kernel reads twice
    packed = kernel.packed(node)
    found: list[tuple[str, Array]] = []
    for i, operand in enumerate(o.rstrip("?") for o in node.op.operands):
        value = node.inputs[i].data if i < len(node.inputs) else None
        data = packed[operand].data if operand in packed else value
        if data is not None:
            found.append((operand, data))
    return found


def staged_bytes(arrays: Iterable[tuple[str, Array]]) -> int:
    """Bytes of the buffer that the arrays are copied to, one after the other."""
    return sum(aligned(a.nbytes) for _, a in arrays)


def gain_cycles(node: Node, nbytes: int, target: Target) -> float:
    """Cycles that staging ``nbytes`` of a step's constants saves, by the board's flash; less than 0: it costs.

    From flash every pass over them stalls at each word fetched, if they exceed the data cache; the copy reads them
    once.
    """
    cache, flash = target.flash_cache, target.region("flash")
    held = cache.data_lines * cache.line_bytes if cache is not None else 0
    weights = node.get("w") if "w" in node.op.operands else None
    if nbytes <= held or weights is None or not weights.type.elements:
        return 0.0
    passes = node.nominal_macs / weights.type.elements / _OUTPUTS_PER_PASS
    stalls_per_byte = flash.wait_states / (cache.fetch_bytes if cache is not None else 8)
    return nbytes * (stalls_per_byte * (passes - 1) - _COPY_CYCLES_PER_BYTE)


def choose_staged(
    choices: Mapping[Node, Choice], target: Target, arena_bytes: Callable[[Mapping[Node, int]], int], limit_bytes: int
) -> dict[Node, int]:
    """Bytes to stage by node: the largest gains first, as long as ``arena_bytes`` of them stays within the limit."""
    found: list[tuple[float, str, Node, int]] = []
    for node, choice in choices.items():
        nbytes = staged_bytes(operand_arrays(choice.kernel, node))
        gain = gain_cycles(node, nbytes, target)
        if gain > 0:
            found.append((-gain, node.output.name, node, nbytes))
    staged: dict[Node, int] = {}
    for _, _, node, nbytes in sorted(found, key=lambda t: t[:2]):
        if arena_bytes({**staged, node: nbytes}) <= limit_bytes:
            staged[node] = nbytes
    return staged


def staged_offsets(arrays: Iterable[tuple[str, Array]]) -> dict[str, int]:
    """Where each array starts in the buffer, by operand."""
    offsets: dict[str, int] = {}
    at = 0
    for operand, a in arrays:
        offsets[operand] = at
        at += aligned(a.nbytes)
    return offsets
