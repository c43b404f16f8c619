# SPDX-License-Identifier: Apache-2.0
"""The result of tuning one model: what each kernel costs at each layer, as a value and as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smidgen.build import Toolchain
from smidgen.errors import ToolNotFound, UsageError
from smidgen.ir import Graph, Node
from smidgen.kernels import Kernel
from smidgen.schedule import Costs, Layer
from smidgen.targets import Target
from smidgen.tune.cache import Measurement, checksum, user_cache, write_atomically
from smidgen.tune.keys import environment_key, graph_key, kernels_key
from smidgen.tune.measure import costs_of

FORMAT = "smidgen tune 1"


@dataclass(frozen=True, slots=True)
class KernelCost:
    """``cycles`` on the board, stalls included; not ``measured``: the formula's, scaled to its layer's measurements."""

    kernel: str
    cycles: float
    measured: bool


@dataclass(frozen=True, slots=True)
class StepCosts:
    name: str
    kernels: tuple[KernelCost, ...]


@dataclass(frozen=True, slots=True)
class TuneResult:
    """Holds for one lowered graph, target, compiler and set of kernels: ``digest`` is of all of them."""

    model: str
    target: str
    toolchain: str
    digest: str
    steps: tuple[StepCosts, ...]

    def costs(self) -> Costs:
        """The cycles of each kernel at each step, for ``make_schedule``."""
        table = {(s.name, k.kernel): k.cycles for s in self.steps for k in s.kernels}

        def cost(kernel: Kernel, node: Node) -> float | None:
            return table.get((node.output.name, kernel.symbol))

        return cost


def tune_result(
    graph: Graph,
    target: Target,
    toolchain: Toolchain,
    layers: Sequence[Layer],
    measured: Mapping[tuple[str, str], Measurement],
) -> TuneResult:
    """What was measured, and for the rest of the candidates what takes its place."""
    costs = costs_of(layers, measured)
    steps = tuple(
        StepCosts(
            v.name,
            tuple(
                KernelCost(c.kernel.symbol, costs(c.kernel, c.node) or c.cycles, (v.name, c.kernel.symbol) in measured)
                for c in v.candidates
            ),
        )
        for v in layers
    )
    digest = result_digest(graph, target, toolchain)
    return TuneResult(graph.name, target.name, f"{toolchain.name} ({toolchain.version()})", digest, steps)


def result_digest(graph: Graph, target: Target, toolchain: Toolchain) -> str:
    """Of all that a result holds for."""
    return checksum([environment_key(target, toolchain), kernels_key(), graph_key(graph)])


def find_result(graph: Graph, target: Target, toolchains: Sequence[Toolchain]) -> TuneResult | None:
    """The result kept in the user's cache folder, of the first toolchain that has one; a damaged one is none."""
    folder = user_cache()
    for toolchain in toolchains:
        with suppress(ToolNotFound, UsageError):
            path = folder / "results" / f"{result_digest(graph, target, toolchain)}.json" if folder else None
            if path is not None and path.is_file():
                return read_result(path)
    return None


def require_match(result: TuneResult, graph: Graph, target: Target, toolchains: Sequence[Toolchain]) -> None:
    """UsageError unless the result is for this graph, target, set of kernels and one of these compilers."""
    digests = []
    for toolchain in toolchains:
        with suppress(ToolNotFound, UsageError):
            digests.append(result_digest(graph, target, toolchain))
    if result.digest not in digests:
        raise UsageError(
            f"the tune result is of {result.model} for {result.target} with {result.toolchain}, and does not hold for "
            f"{graph.name} on {target.name} as it is now: model, kernels, target or compiler differ. Run smidgen tune"
        )


def write_result(path: Path, result: TuneResult) -> None:
    """Writes the result whole or, where that cannot be, not at all."""
    write_atomically(path, result_text(result))


def result_text(result: TuneResult) -> str:
    """The file's text: JSON that ends with a checksum of the rest."""
    fields = {"format": FORMAT, **_plain(asdict(result))}
    return json.dumps({**fields, "sha256": checksum(fields)}, indent=1) + "\n"


def read_result(path: Path) -> TuneResult:
    """A result written before. UsageError for a file that is none, damaged, or of another version."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        raise UsageError(f"tune result {path}: cannot be read: {e.strerror}. Make one with smidgen tune -o") from None
    except UnicodeDecodeError:
        text = ""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not str(fields.get("format", "")).startswith("smidgen tune"):
        raise UsageError(f"{path} is not a tune result, or a truncated one. Make one with smidgen tune -o")
    if fields["format"] != FORMAT:
        raise UsageError(f"{path} is of another version ({fields['format']}, not {FORMAT}). Run smidgen tune again")
    if fields.pop("sha256", None) != checksum(fields):
        raise UsageError(f"{path} is damaged: its checksum does not match. Run smidgen tune again")
    return _result(fields)


def _result(fields: Mapping[str, Any]) -> TuneResult:  # Any: JSON, whose checksum says that we wrote it
    steps = tuple(StepCosts(s["name"], tuple(KernelCost(**k) for k in s["kernels"])) for s in fields["steps"])
    return TuneResult(fields["model"], fields["target"], fields["toolchain"], fields["digest"], steps)


def _plain(value: Any) -> Any:  # Any: JSON
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
