# SPDX-License-Identifier: Apache-2.0
"""The cost of a model on a target: totals and layers, every figure with its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smidgen.build import Image, Sizes
from smidgen.energy.model import InferenceEnergy, cycle_energy, inference_energy
from smidgen.profile import Counter, ImageProfile, StepCost
from smidgen.schedule import Schedule, Setting, Step, Weights, constant_bytes, weight_bits
from smidgen.targets import Target


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One step. ``stall_cycles`` is what the board's memory system adds (None: not asked for).

    ``macs`` are nominal, as the model's file has them, and what ``cycles_per_mac`` is of; ``live_macs`` are computed.
    """

    index: int
    name: str
    source: str
    kernel: str
    function: str  # the C function: the kernel's symbol, followed by its constants where it is made for a shape
    shape: tuple[int, ...]
    macs: int
    live_macs: int
    instructions: int
    cycles: int | None
    stall_cycles: int | None
    cycles_per_mac: float | None
    ram_bytes: int  # alive in the arena while it runs, scratch included
    flash_bytes: int  # its constants: the three below
    weight_bits: int | None  # in which each weight is kept; None without weights
    weight_bytes: int  # weights, dead ones gone
    growth_bytes: int  # what packing adds to them
    table_bytes: int  # biases, multipliers and other tables
    staged_bytes: int  # of its constants, copied to the arena before it runs


@dataclass(frozen=True, slots=True)
class FunctionReport:
    """One function's share of an inference, without what it calls."""

    name: str
    instructions: int
    cycles: int | None


@dataclass(frozen=True, slots=True)
class RamBytes:
    """static: .data and .bss beside the arena; scratch: what the kernels' work areas add to the arena.

    state: what a stream keeps from step to step; 0 for a network that takes whole inputs.
    """

    arena: int
    scratch: int
    stack: int
    static: int
    total: int
    state: int = 0


@dataclass(frozen=True, slots=True)
class FlashBytes:
    """code: kernels, run function and support routines; weights: every constant.

    Of those, ``live_weights`` are the model's own weights, ``growth`` what packing adds to them, ``tables`` the rest:
    biases, multipliers, parameters.
    """

    code: int
    weights: int
    total: int
    live_weights: int
    growth: int
    tables: int


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """instructions and stack are counted, RAM and flash read off the image. cycles are counted on the core's RTL or
    modelled, with zero wait states; where nothing tells them, they and all that follows from them are None.

    ``macs`` are nominal, as the model's file has them, and what ``cycles_per_mac`` is of; ``live_macs`` are computed.
    """

    model: str
    target: str
    numerics: str
    toolchain: str
    simulator: str  # with its version
    clock_hz: int
    optimize: Setting
    weights: Weights
    max_ram_bytes: int | None
    max_flash_bytes: int | None
    macs: int
    live_macs: int
    instructions: int
    instructions_kind: str
    cycles: int | None
    cycles_kind: str | None
    cycles_per_mac: float | None
    instructions_per_mac: float | None
    latency_ms: float | None
    board_cycles: int | None  # with the board's flash, caches and prefetch
    board_latency_ms: float | None
    latency_ms_range: tuple[float, float] | None  # between which silicon is expected, from the best figure above
    energy: InferenceEnergy | None  # from the same figure; None: no measured energy of this board
    ram: RamBytes
    ram_lower_bound: int  # the arena no plan for these lifetimes can beat
    flash: FlashBytes
    layers: tuple[LayerReport, ...]
    overhead_cycles: int | None  # before the first kernel: call and input copy
    unknown_instructions: dict[str, int]
    functions: tuple[FunctionReport, ...] = ()  # the most cycles first; empty where the simulator does not tell
    library: str | None = None  # somebody else's code that kernels call: name, version, digest of its files


def profile_report(schedule: Schedule, image: Image, costs: ImageProfile) -> ProfileReport:
    """Put schedule, image and counts of one model together."""
    sizes, target = image.sizes, schedule.target
    cycles = _value(costs.cycles)
    board = None if cycles is None or costs.stalls is None else cycles + costs.stalls.value
    scratch = min(schedule.scratch_bytes, sizes.arena_bytes)
    stack = costs.stack.value
    static, state = sizes.static_ram_bytes - schedule.state_bytes, schedule.state_bytes
    ram = RamBytes(sizes.arena_bytes - scratch, scratch, stack, static, sizes.ram_bytes + stack, state)
    layers = tuple(_layer(s, c, schedule) for s, c in zip(schedule.steps, costs.steps, strict=True))
    return ProfileReport(
        model=schedule.graph.name,
        target=target.name,
        numerics=schedule.graph.numerics,
        toolchain=image.toolchain,
        simulator=costs.simulator,
        clock_hz=target.clock_hz,
        optimize=schedule.objective.setting,
        weights=schedule.weights,
        max_ram_bytes=schedule.objective.max_ram_bytes,
        max_flash_bytes=schedule.objective.max_flash_bytes,
        macs=schedule.graph.nominal_macs,
        live_macs=schedule.graph.macs,
        instructions=costs.instructions.value,
        instructions_kind=costs.instructions.kind,
        cycles=cycles,
        cycles_kind=None if costs.cycles is None else costs.cycles.kind,
        cycles_per_mac=_ratio(cycles, schedule.graph.nominal_macs),
        instructions_per_mac=_ratio(costs.instructions.value, schedule.graph.nominal_macs),
        latency_ms=_milliseconds(cycles, target.clock_hz),
        board_cycles=board,
        board_latency_ms=_milliseconds(board, target.clock_hz),
        latency_ms_range=latency_range(target, cycles, board),
        energy=energy_of(target, cycles, board),
        ram=ram,
        ram_lower_bound=schedule.plan.bound_bytes,
        flash=_flash(sizes, layers),
        layers=layers,
        overhead_cycles=_value(costs.prologue.cycles),
        unknown_instructions=dict(costs.unknown),
        functions=tuple(FunctionReport(name, r.instructions, r.cycles) for name, r in costs.functions.items()),
        library=None if schedule.library is None else schedule.library.title,
    )


def _flash(sizes: Sizes, layers: Sequence[LayerReport]) -> FlashBytes:
    code = sizes.kernel_code_bytes + sizes.model_code_bytes + sizes.support_code_bytes
    constants = sizes.constant_bytes + sizes.initialized_bytes
    weights, growth = sum(layer.weight_bytes for layer in layers), sum(layer.growth_bytes for layer in layers)
    return FlashBytes(code, constants, code + constants, weights, growth, constants - weights - growth)


def _layer(step: Step, cost: StepCost, schedule: Schedule) -> LayerReport:
    macs = step.node.nominal_macs
    constants = constant_bytes(step.choice.kernel, step.node)
    return LayerReport(
        index=step.index,
        name=step.name,
        source=step.node.loc,
        kernel=step.choice.kernel.symbol,
        function=cost.symbol,
        shape=step.node.output.type.shape,
        macs=macs,
        live_macs=step.node.macs,
        instructions=cost.instructions.value,
        cycles=_value(cost.cycles),
        stall_cycles=_value(cost.stalls),
        cycles_per_mac=_ratio(_value(cost.cycles), macs),
        ram_bytes=schedule.plan.alive_bytes(step.index),
        flash_bytes=constants.arrays,
        weight_bits=weight_bits(step.node),
        weight_bytes=constants.weights,
        growth_bytes=constants.growth,
        table_bytes=constants.tables,
        staged_bytes=step.staged_bytes,
    )


def _value(counter: Counter | None) -> int | None:
    return None if counter is None else counter.value


def _ratio(cycles: int | None, macs: int) -> float | None:
    return round(cycles / macs, 4) if macs and cycles is not None else None


def latency_range(target: Target, cycles: int | None, board_cycles: int | None) -> tuple[float, float] | None:
    """Between which milliseconds silicon is expected; None for a board that was never compared with silicon."""
    error = target.latency_error
    if error is None or cycles is None:
        return None
    taken, percent = (cycles, error.zero_wait) if board_cycles is None else (board_cycles, error.board)
    least, most = error.span(taken / target.clock_hz * 1e3, percent)
    return round(least, 6), round(most, 6)


def energy_of(target: Target, cycles: int | None, board_cycles: int | None) -> InferenceEnergy | None:
    """Energy of an inference in the board's default state; None for a board without a figure, or without cycles."""
    if target.energy is None or cycles is None:
        return None
    taken = cycles if board_cycles is None else board_cycles
    return inference_energy(taken, target.clock_hz, cycle_energy(target), latency_range(target, cycles, board_cycles))


def _milliseconds(cycles: int | None, clock_hz: int) -> float | None:
    return None if cycles is None else round(cycles / clock_hz * 1e3, 6)
