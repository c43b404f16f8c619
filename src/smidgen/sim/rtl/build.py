# SPDX-License-Identifier: Apache-2.0
"""Builds a core's simulator once: Verilator makes C++ of the RTL, zig compiles it; the program is kept in the cache."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from smidgen.build.toolchain import run_tool
from smidgen.build.zig import zig_command, zig_environment
from smidgen.errors import BuildFailed, ToolNotFound
from smidgen.notices import notify
from smidgen.sim.rtl.cores import HDL, HOST, RtlCore

JOBS = 2
INSTALL = "pip install 'smidgen[rtl]'"
PROGRAM = "simulator"
_NEEDED_BYTES = 16 << 20  # with less, what a tool failed of is a full disk; the compiler only aborts
_PREFIX = "Vsmg"
_VERILATOR = (
    *("--cc", "-O3", "--x-assign", "0", "--x-initial", "0", "--noassert", "--no-timing", "--flatten"),
    *("--top-module", "smg_top", "--prefix", _PREFIX, "--output-split", "20000"),
    *("-Wno-fatal", "-Wno-lint", "-Wno-style", "-Wno-MULTIDRIVEN", "-Wno-UNOPTFLAT"),
)
_CXX = ("-std=c++20", "-mcpu=baseline", "-O3", "-g0", "-w", "-fno-sanitize=undefined")
_OFF = ("VM_COVERAGE", "VM_SC", "VM_TRACE", "VM_TRACE_FST", "VM_TRACE_VCD", "VM_TRACE_SAIF")
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp", "verilated_dpi.cpp")
_EVALUATE = f"{_PREFIX}___024root___eval"
_LAST_CLOCK = "__Vtrigprevexpr___TOP__clk__0"


@dataclass(frozen=True, slots=True)
class _Tools:
    """Where Verilator and the core's RTL lie, and everything that decides what comes out of them."""

    verilator: Path
    package: Path
    identity: tuple[str, ...]


def build_simulator(core: RtlCore) -> Path:
    """The simulator's program, built now, with a notice, unless the cache has it.

    ToolNotFound if a package is not installed, BuildFailed if a tool fails or the cache cannot be written. Two
    processes that need the same program at once build it once.
    """
    tools = _tools(core)
    key = _key(core, tools)
    cache = cache_folder()
    entry = cache / f"{core.name}-{key}"
    if _whole(entry):
        return entry / PROGRAM
    with _disk_errors(cache), _locked(cache / f"{core.name}.lock"):
        if not _whole(entry):
            notify(f"building the {core.name} simulator, once (about 30 s, the first of all 2 minutes)")
            runtime = _runtime(cache, tools)
            _make(entry, PROGRAM, make=lambda folder: _build_core(folder, core, tools, runtime))
    return entry / PROGRAM


def cache_folder() -> Path:
    """smidgen/rtl in the user's cache folder; BuildFailed if it cannot be used."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = (Path(base) if base else Path.home() / ".cache") / "smidgen" / "rtl"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise BuildFailed(
            f"the folder for built simulators cannot be made: {error}; set XDG_CACHE_HOME to a folder of yours"
        ) from None
    return folder


def simulator_identity(core: RtlCore) -> str:
    """Which RTL and which simulator, for records of what was counted with."""
    tools = _tools(core)
    return ", ".join(tools.identity[:2])


def _tools(core: RtlCore) -> _Tools:
    zig_command()
    verilator, package = _package("verilator", "verilator"), _package(core.module, core.distribution)
    versions = [f"{name} {importlib.metadata.version(name)}" for name in (core.distribution, "verilator", "ziglang")]
    return _Tools(verilator, package, tuple(versions))


def _package(module: str, distribution: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ToolNotFound(
            f"the package {distribution} is not installed, which cores are simulated from their RTL with: {INSTALL}; "
            "or take a target of another simulator (smidgen targets lists them)"
        )
    return Path(spec.submodule_search_locations[0])


def _key(core: RtlCore, tools: _Tools) -> str:
    digest = hashlib.sha256("\0".join((*tools.identity, repr(core), *_VERILATOR, *_CXX)).encode())
    for path in sorted((Path(__file__), *(HDL / name for name in core.top), *HOST.iterdir())):
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _runtime(cache: Path, tools: _Tools) -> Sequence[Path]:
    """Verilator's own C++ compiled, which all cores share."""
    identity = "\0".join((*tools.identity[1:], *_CXX, *_OFF))
    entry = cache / f"runtime-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    names = [name.replace(".cpp", ".o") for name in _RUNTIME]
    with _locked(cache / "runtime.lock"):
        if not _whole(entry, *names):
            include = tools.verilator / "include"
            jobs = [(include / name, ()) for name in _RUNTIME]
            _make(entry, *names, make=lambda folder: _compile(folder, tools, jobs))
    return [entry / name for name in names]


def _build_core(folder: Path, core: RtlCore, tools: _Tools, runtime: Sequence[Path]) -> None:
    model = folder / "model"
    environment = dict(os.environ, VERILATOR_ROOT=str(tools.verilator))
    command = (
        *(str(tools.verilator / "bin" / "verilator_bin"), *_VERILATOR, "--Mdir", str(model)),
        *core.verilator_arguments(tools.package),
    )
    run_tool(command, cwd=folder, what=f"making a simulator of {core.name}", environment=environment)
    root = (model / f"{_PREFIX}___024root.h").read_text(encoding="utf-8")
    macros = {"SMG_WORDS": "smg_top__DOT__tcm__DOT__words", "SMG_CHARGES_PREVIOUS": str(int(core.charges_previous))}
    macros.update(core.tags)
    if f" {_LAST_CLOCK};" in root:  # private names of Verilator: without them the server does the same, slower
        macros["SMG_LAST_CLOCK"] = _LAST_CLOCK
    if f"void {_EVALUATE}({_PREFIX}___024root* vlSelf);" in (model / f"{_PREFIX}.cpp").read_text(encoding="utf-8"):
        macros["SMG_EVALUATE"] = _EVALUATE
    for name in (macros["SMG_WORDS"], *core.tags.values()):
        if f" {name};" not in root:
            raise BuildFailed(
                f"Verilator's model of {core.name} has no {name}: {' and '.join(tools.identity)} do not fit"
            )
    sources: list[tuple[Path, Sequence[str]]] = [(path, ()) for path in sorted(model.glob("*.cpp"))]
    server = (HOST / "server.cpp", [f"-D{name}={value}" for name, value in macros.items()])
    objects = _compile(folder, tools, [*sources, server], model)
    command = (*zig_command(), "c++", *_CXX, *map(str, objects), *map(str, runtime), "-o", PROGRAM, "-pthread")
    run_tool(command, cwd=folder, what=f"linking the simulator of {core.name}", environment=zig_environment(folder))
    for path in (model, *objects):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _compile(
    folder: Path, tools: _Tools, jobs: Sequence[tuple[Path, Sequence[str]]], model: Path | None = None
) -> list[Path]:
    """Each source, with flags of its own, to an object of its name in the folder."""
    include = tools.verilator / "include"
    folders = [f"-I{path}" for path in (model, include, include / "vltstd") if path is not None]
    flags = (*_CXX, *folders, *(f"-D{name}=0" for name in _OFF))
    environment = zig_environment(folder)

    def one(job: tuple[Path, Sequence[str]]) -> Path:
        source, extra = job
        made = folder / f"{source.stem}.o"
        command = (*zig_command(), "c++", *flags, *extra, "-c", str(source), "-o", str(made))
        run_tool(command, cwd=folder, what=f"compiling {source.name}", environment=environment)
        return made

    with ThreadPoolExecutor(JOBS) as pool:
        return [finished.result() for finished in [pool.submit(one, job) for job in jobs]]


def _make(entry: Path, *names: str, make: Callable[[Path], object]) -> None:
    """Makes a cache entry beside its final name, then renames: it is whole or not there.

    The caller holds the lock, so what lies there already is damaged, and folders of unfinished builds are nobody's.
    """
    for left in entry.parent.glob(f".{entry.name}.*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
    try:
        make(folder)
        lines = [f"{_digest(folder / name)}  {name}\n" for name in names]
        (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
        if entry.exists():
            shutil.rmtree(entry)
        os.rename(folder, entry)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _whole(entry: Path, *names: str) -> bool:
    """Whether a cache entry is as it was made."""
    try:
        sums = (entry / "SHA256SUMS").read_text(encoding="utf-8")
        return sums == "".join(f"{_digest(entry / name)}  {name}\n" for name in names or (PROGRAM,))
    except (OSError, UnicodeDecodeError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock goes with its holder."""
    with path.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _disk_errors(cache: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, BuildFailed) as error:
        full = shutil.disk_usage(cache).free < _NEEDED_BYTES
        if isinstance(error, BuildFailed) and not full:
            raise
        reason = "No space left on device" if full else getattr(error, "strerror", None) or error
        raise BuildFailed(
            f"a simulator cannot be written to {cache}: {reason}; make room (about 100 MB), or set XDG_CACHE_HOME to "
            "another folder"
        ) from None
