# SPDX-License-Identifier: Apache-2.0
"""The stages in order: a model file to a graph, a schedule, sources, an image, and what it does and costs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from smidgen.build import GccArm, GccRiscv, Image, Toolchain, Zig, build
from smidgen.build.answers import asking
from smidgen.codegen import Memory, Origin, Sources, emit
from smidgen.codegen.fit import fits, require_fit, require_ram, within_board
from smidgen.errors import DoesNotFit, UsageError
from smidgen.frontends import identifier
from smidgen.frontends import load as load_file
from smidgen.ir import Array, Graph, check_inputs, evaluate, format_graph
from smidgen.kernels import Kernel
from smidgen.kernels.cmsis_nn import kernels as cmsis_nn_kernels
from smidgen.kernels.cmsis_nn import sizes
from smidgen.kernels.cmsis_nn.checkout import VARIABLE as CMSIS_NN_VARIABLE
from smidgen.kernels.cmsis_nn.checkout import find_checkout
from smidgen.ops import Dequantize, Quantize
from smidgen.profile import profile_image
from smidgen.quantize import integerize
from smidgen.report import ProfileReport, profile_report
from smidgen.schedule import (
    Costs,
    Schedule,
    check_code,
    check_weights,
    make_objective,
    make_planner,
    make_schedule,
    make_search,
)
from smidgen.schedule.candidates import no_costs
from smidgen.sim import open_machine
from smidgen.targets import Target, load_target
from smidgen.transforms import FLOAT, INTEGER, Stream, run_pipeline, stream
from smidgen.tune import (
    Cache,
    Program,
    TuneResult,
    Tuning,
    costs_of,
    find_result,
    front,
    measure,
    read_result,
    require_match,
    tune_result,
    user_cache,
    write_result,
)
from smidgen.verify import Verification, random_inputs, verify_image, verify_stream
from smidgen.zoo import find_model

DEFAULT_TARGET = "nucleo-l4r5zi"
KERNEL_SETS = ("own", "cmsis-nn")
TOOLCHAINS: Mapping[str, Callable[[], Toolchain]] = {"zig": Zig, "gcc-arm": GccArm, "gcc-riscv": GccRiscv}


@dataclass(frozen=True)
class Compiled:
    """A model compiled for a target: its lowered graph, schedule and C sources."""

    graph: Graph
    schedule: Schedule
    sources: Sources
    origin: Origin
    memory: Memory
    stream: Stream | None = None  # of one step of a stream: how it follows from the whole-window network

    @property
    def target(self) -> Target:
        return self.schedule.target

    def build(self, toolchain: str = "zig", optimize: str = "-O3", work_dir: Path | None = None) -> Image:
        """Compile and link the emulator's image. Without ``work_dir`` it lies in a folder that the process removes."""
        compiler = _toolchain(toolchain)
        folder = work_dir or _scratch_folder(self.sources.digest + toolchain + optimize)
        return build(self.sources, self.target, compiler, optimize, work_dir=folder)


_FOLDERS: dict[str, tempfile.TemporaryDirectory[str]] = {}


def _scratch_folder(key: str) -> Path:
    """One temporary folder a build, removed when the process ends."""
    if key not in _FOLDERS:
        _FOLDERS[key] = tempfile.TemporaryDirectory(prefix="smidgen-")
    return Path(_FOLDERS[key].name)


def load(model: str | Path, *, models_dir: Path | None = None, name: str | None = None) -> Graph:
    """A model as a graph in integer form, float32 where it is not quantised.

    ``model`` is a path to a .tflite or .onnx file, or a zoo name (kws, ic, vww, ad, sww). Raises MalformedModel or
    UnsupportedModel.
    """
    return _load(model, models_dir, name, None)[0]


def _load(
    model: str | Path | Graph, models_dir: Path | None, name: str | None, watch: Callable[[str, Graph], None] | None
) -> tuple[Graph, Origin]:
    if isinstance(model, Graph):
        return _renamed(model, name), Origin("a graph", _digest(model), _version())
    found = find_model(str(model), models_dir)
    if found.graph is not None:
        return _renamed(found.graph, name), Origin(found.label, _digest(found.graph), _version())
    path = found.path if found.path is not None else Path(model)
    graph = load_file(path, name or found.name)
    if _computes_in_float(graph):
        if watch is not None:
            watch("float", graph)
        graph = integerize(run_pipeline(FLOAT, graph, watch=watch))
    return graph, Origin(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), _version())


def _computes_in_float(graph: Graph) -> bool:
    """True for float models and those in QDQ form; False where only the ends quantise or dequantise (TFLite's)."""
    return graph.numerics == "onnx-qdq.v1" or any(
        v.type.dtype == "float32" and not isinstance(n.op, Quantize | Dequantize)
        for n in graph.nodes
        for v in n.outputs
    )


def load_float(model: str | Path | Graph, *, name: str | None = None) -> Graph:
    """A float32 model, from a .tflite or .onnx file, as a clean graph: what ``quantize`` takes.

    Raises UsageError for a model that is quantised already.
    """
    if not isinstance(model, Graph | str | Path):
        raise UsageError(f"a model is the path of a file or a graph, not a {type(model).__name__}")
    graph = _renamed(model, name) if isinstance(model, Graph) else load_file(Path(model), name)
    quantised = next((n for n in graph.nodes if any(v.type.quant is not None for v in (*n.inputs, *n.outputs))), None)
    if quantised is not None:
        raise UsageError(
            f"{graph.name} is quantised already, at {quantised.loc}: smidgen quantize takes the float32 model it was "
            f"made from. A quantised model compiles as it is"
        )
    return run_pipeline(FLOAT, graph)


def _renamed(graph: Graph, name: str | None) -> Graph:
    return replace(graph, name=identifier(name or graph.name))


def _digest(graph: Graph) -> str:
    """SHA-256 of a graph that came from no file: its text and the bytes of its constants."""
    digest = hashlib.sha256(format_graph(graph).encode("utf-8", "surrogateescape"))
    for v in graph.values():
        if v.data is not None:
            digest.update(v.data.tobytes())
    return digest.hexdigest()


def _version() -> str:
    try:
        return version("smidgen")
    except PackageNotFoundError:
        return "not installed"


def compile(
    model: str | Path | Graph,
    target: str | Target = DEFAULT_TARGET,
    *,
    name: str | None = None,
    optimize: str = "speed",
    max_ram: int | str | None = None,
    max_flash: int | str | None = None,
    tuned: bool | str | Path | TuneResult = False,
    kernels: Mapping[str, str] | str | None = None,
    cmsis_nn: str | Path | None = None,
    weights: str = "flash",
    code: str = "flash",
    planner: str = "fast",
    planner_seconds: float = 60.0,
    models_dir: Path | None = None,
    check_fit: bool = True,
    probe: bool = False,
    streaming: bool = False,
    time_axis: int | None = None,
    watch: Callable[[str, Graph], None] | None = None,
) -> Compiled:
    """Compile a model for a target; nothing is written or built.

    ``optimize`` is speed, balanced, size or ram; ``max_ram`` (arena, stack and what is kept in RAM) and ``max_flash``
    (code and constants) are bytes, or text like "64K". ``tuned``: choose by what ``tune`` measured and kept in the
    cache (True), in a file or in memory. ``kernels`` forces kernels by step name; "own" or "cmsis-nn", alone or as the
    mapping's value of "*", is whose kernels are taken: those of CMSIS-NN, wherever they are exact, come from the
    checkout ``cmsis_nn`` (None: $CMSIS_NN_PATH). ``weights`` is flash,
    staged (copied to RAM before the steps where that pays) or sram (kept there); ``code`` is flash, or sram: kernels
    whose hot loops exceed the flash's cache run from RAM. ``planner`` is fast, or exact: CP-SAT for at most
    ``planner_seconds`` of its own deterministic time. ``probe`` evaluates the graph before and after every pass and
    compares. ``watch`` sees the graph after each pass. ``streaming``: one step of a stream, a new frame along the
    input's dimension ``time_axis`` (None: found) in, the result of the window that ends with it out. Raises
    UsageError, ModelError, NoKernel, ToolNotFound (exact without OR-tools), DoesNotFit if the limits or (unless
    ``check_fit`` is False) the board's memories cannot be kept.
    """
    objective, place = make_objective(optimize, max_ram, max_flash), check_weights(weights)
    runs = check_code(code)
    plans = make_planner(planner, planner_seconds)
    board = target if isinstance(target, Target) else load_target(target)
    forced, preferred = chosen_kernels(kernels, cmsis_nn, board)
    graph, origin = _load(model, models_dir, name, watch)
    if watch is not None:
        watch("import", graph)
    inputs = next(iter(random_inputs(graph, 1, seed=1))) if probe else None
    lowered = run_pipeline(INTEGER, graph, probe=inputs, watch=watch)
    stepped = _stepped(lowered, streaming, time_axis, watch)
    lowered = stepped.step if stepped is not None else lowered
    costs = no_costs if tuned is False else tuned_costs(lowered, board, tuned)
    scheduled = partial(
        make_schedule, lowered, board, forced, costs=costs, weights=place, planner=plans, code=runs, preferred=preferred
    )
    schedule = scheduled(objective=objective)
    sources, memory = emit(schedule, origin)
    if check_fit and not fits(memory, board):
        with contextlib.suppress(DoesNotFit):  # then the message is require_fit's
            schedule = scheduled(objective=within_board(objective, board))
            sources, memory = emit(schedule, origin)
        require_fit(memory, board)
    require_ram(memory, objective)
    return Compiled(lowered, schedule, sources, origin, memory, stepped)


def chosen_kernels(
    kernels: Mapping[str, str] | str | None, cmsis_nn: str | Path | None, board: Target
) -> tuple[Mapping[str, str], tuple[Kernel, ...]]:
    """The kernels forced by step name, and those to take wherever they can be. UsageError for an unknown set."""
    forced = {"*": kernels} if isinstance(kernels, str) else dict(kernels or {})
    chosen = forced.pop("*", "own")
    if chosen not in KERNEL_SETS:
        raise UsageError(f"no kernels {chosen!r}; there are {', '.join(KERNEL_SETS)}")
    if chosen == "own":
        return forced, ()
    checkout = find_checkout(cmsis_nn if cmsis_nn is not None else os.environ.get(CMSIS_NN_VARIABLE))
    answer = asking(checkout.reached(sizes.FUNCTIONS), sizes.PROGRAM.read_text(encoding="utf-8"))
    return forced, cmsis_nn_kernels(checkout, board.core, answer)


def _stepped(
    graph: Graph, streaming: bool, axis: int | None, watch: Callable[[str, Graph], None] | None
) -> Stream | None:
    """The streaming form of a lowered graph, if it is asked for."""
    if not streaming and axis is not None:
        raise UsageError("a time axis goes with streaming only")
    found = stream(graph, axis) if streaming else None
    if found is not None and watch is not None:
        watch("stream", found.step)
    return found


def _compiled(model: object) -> Compiled:
    """``model`` if it is one; UsageError for a path or a graph, which have to be compiled first."""
    if not isinstance(model, Compiled):
        raise UsageError(f"this takes what smidgen.compile returns, not a {type(model).__name__}")
    return model


@dataclass(frozen=True)
class Tuned:
    """What ``tune`` found: costs to compile by, the programs worth choosing from, and how it went."""

    result: TuneResult
    tuning: Tuning
    programs: tuple[Program, ...]
    target: Target
    origin: Origin


def tune(
    model: str | Path | Graph,
    target: str | Target = DEFAULT_TARGET,
    *,
    name: str | None = None,
    models_dir: Path | None = None,
    toolchain: str = "zig",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tuned:
    """Measure the kernels that could compute a model on the emulated core, flash and caches included.

    Measurements are kept in the user's cache folder by content, each as soon as it is made. ``progress`` is told the
    programs run and all there are. ``smidgen.compile(model, tuned=True)`` chooses by them.
    """
    board = target if isinstance(target, Target) else load_target(target)
    graph, origin = _load(model, models_dir, name, None)
    lowered = run_pipeline(INTEGER, graph)
    compiler = _toolchain(toolchain)
    folder = user_cache()
    layers = make_search(lowered, board).layers
    tuning = measure(lowered, layers, board, compiler, Cache(folder), progress)
    costs = costs_of(layers, tuning.measured)
    result = tune_result(lowered, board, compiler, layers, tuning.measured)
    if folder is not None:
        write_result(folder / "results" / f"{result.digest}.json", result)
    programs = front(make_search(lowered, board, costs=costs))
    return Tuned(result, tuning, programs, board, origin)


def tuned_costs(graph: Graph, board: Target, tuned: bool | str | Path | TuneResult) -> Costs:
    """The costs in a tune result. UsageError if there is none for this graph, board, compiler and set of kernels."""
    if isinstance(tuned, TuneResult):
        result = tuned
    elif isinstance(tuned, bool):
        found = find_result(graph, board, [make() for make in TOOLCHAINS.values()])
        if found is None:
            raise UsageError(
                f"{graph.name} was not tuned for {board.name} with this version of smidgen and its compiler. Run "
                f"smidgen tune first, with the same --target"
            )
        result = found
    else:
        result = read_result(Path(tuned))
    require_match(result, graph, board, [make() for make in TOOLCHAINS.values()])
    return result.costs()


def _toolchain(name: str) -> Toolchain:
    if name not in TOOLCHAINS:
        raise UsageError(f"no toolchain {name!r}; there are {', '.join(TOOLCHAINS)}")
    return TOOLCHAINS[name]()


def verify(
    compiled: Compiled,
    *,
    cases: int = 10,
    inputs: Iterable[Sequence[Array]] | None = None,
    seed: int = 0,
    toolchain: str = "zig",
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Build for the target, run on the emulated core, compare every step of every case with the reference.

    ``inputs`` replaces the random cases: one sequence of arrays a case, typed as ``compiled.graph.inputs``. Of a
    streaming program the cases are the frames of one stream from a reset on, at random one window more than ``cases``,
    and the reference for its results is the whole-window network.
    """
    with open_machine(_compiled(compiled).build(toolchain)) as machine:
        if compiled.stream is not None:
            steps = cases + compiled.stream.frames if inputs is None else 0
            frames = [x for (x,) in (random_inputs(compiled.graph, steps, seed) if inputs is None else inputs)]
            expected = (evaluate(compiled.stream.window, [w]) for w in compiled.stream.windows(frames))
            return verify_stream(machine, compiled.schedule, frames, expected, progress)
        chosen = random_inputs(compiled.graph, cases, seed) if inputs is None else inputs
        return verify_image(machine, compiled.schedule, chosen, progress)


def run(compiled: Compiled, inputs: Array | Sequence[Array], *, toolchain: str = "zig") -> Verification:
    """One inference on the emulated core; its outputs are in ``.outputs[0]``, compared with the reference as well.

    ``inputs`` is an array an input, in the order, dtypes and shapes of ``compiled.graph.inputs``; the array alone where
    there is one input. Raises InvalidInput for anything else.
    """
    arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
    check_inputs(compiled.graph, arrays)
    return verify(compiled, inputs=[arrays], toolchain=toolchain)


def profile(
    compiled: Compiled,
    *,
    inputs: Sequence[Array] | None = None,
    memory_system: bool = True,
    toolchain: str = "zig",
    optimize: str = "-O3",
) -> ProfileReport:
    """Count one inference on the emulated core, layer by layer. Default input: uniformly random, seed 0.

    ``memory_system`` adds the stalls of the board's flash and caches (a second, slower run). Of a streaming program one
    step, after a window of random frames.
    """
    image = _compiled(compiled).build(toolchain, optimize)
    chosen = inputs if inputs is not None else list(random_inputs(compiled.graph, 4))[3]
    before = random_inputs(compiled.graph, compiled.stream.frames, seed=1) if compiled.stream is not None else ()
    past = [[a.tobytes() for a in arrays] for arrays in before]
    with open_machine(image) as machine:
        costs = profile_image(machine, [a.tobytes() for a in chosen], memory_system=memory_system, past=past)
    return profile_report(compiled.schedule, image, costs)
