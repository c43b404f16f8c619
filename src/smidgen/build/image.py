# SPDX-License-Identifier: Apache-2.0
"""Sources and a target -> a linked image that an emulator can run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from smidgen.build.elf import read_elf
from smidgen.build.features import feature_check
from smidgen.build.library import FOLDER as LIBRARY
from smidgen.build.library import library_files, library_includes
from smidgen.build.link import CATEGORIES, DEFAULT_STACK_BYTES, linker_script
from smidgen.build.miscompile import check_elf
from smidgen.build.objects import CompileJob, Compiler, compile_all
from smidgen.build.size import Sizes, measure
from smidgen.build.toolchain import Toolchain, run_tool
from smidgen.build.zig import Zig
from smidgen.codegen.sources import Interface, Sources
from smidgen.errors import BuildFailed, DoesNotFit, OutputError, UsageError
from smidgen.targets import Target

RUNTIME = Path(__file__).parent.parent / "runtime"
_FEATURES = "runtime/features.c"
INCLUDES = (".", "kernels")
OPTIMIZE = ("-O0", "-O1", "-O2", "-O3", "-Os", "-Oz")


@dataclass(frozen=True, slots=True)
class Image:
    """A linked program with its harness, and all that is needed to run and judge it."""

    elf_path: Path
    toolchain: str  # name and version
    flags: tuple[str, ...]  # of every compilation
    sizes: Sizes
    target: Target
    interface: Interface


def build(
    sources: Sources,
    target: Target,
    toolchain: Toolchain | None = None,
    optimize: str = "-O3",
    *,
    work_dir: Path,
    stack_bytes: int = DEFAULT_STACK_BYTES,
) -> Image:
    """Compiles and links ``sources`` with start-up code and harness; everything it writes lies in ``work_dir``.

    The default toolchain is zig. Objects are reused by content from the user's cache folder. Raises ToolNotFound,
    BuildFailed with what the tool printed, DoesNotFit with the bytes missing, OutputError, UsageError.
    """
    toolchain = toolchain or Zig()
    if optimize not in OPTIMIZE:
        raise UsageError(f"optimize is {optimize!r}; use one of {', '.join(OPTIMIZE)}")
    flags = toolchain.compile_flags(target, optimize)
    identity = toolchain.version()
    source_dir, object_dir = work_dir / "src", work_dir / "obj"
    categories = _write_sources(sources, target, source_dir)
    _make(object_dir)
    jobs = [_job(path, category, object_dir, sources) for path, category in sorted(categories.items())]
    check = toolchain.name == "zig" and target.core.isa == "arm"
    compiler = Compiler(identity, toolchain.command(), flags, toolchain.environment(work_dir), check)
    contradictions_first = sorted(jobs, key=lambda job: job.source != _FEATURES)
    try:
        compile_all(compiler, source_dir, contradictions_first, INCLUDES)
    except BuildFailed as error:
        raise _compile_error(str(error), target, toolchain) or error from None
    ram_objects = [object_name(path, "kernels") for path in sources.interface.ram_code]
    interface = sources.interface
    script = linker_script(target, interface.arena_symbol, stack_bytes, ram_objects, interface.second_arena_symbol)
    (work_dir / "link.ld").write_text(script, encoding="utf-8")
    elf_path = work_dir / f"{sources.name}.elf"
    objects = [f"obj/{job.output.name}" for job in jobs]
    link(toolchain, target, objects, elf_path, stack_bytes)
    if check:
        check_elf(elf_path)
    return Image(
        elf_path, f"{toolchain.name} ({identity})", flags, measure(read_elf(elf_path)), target, sources.interface
    )


def startup(target: Target) -> str:
    """The start-up file of the target's instruction set, in the runtime folder."""
    return f"startup_{target.core.isa}.c"


def _job(path: str, category: str, object_dir: Path, sources: Sources) -> CompileJob:
    """How one file is compiled: those of a library, and kernels where there is one, find its headers.

    The library's warnings are not ours.
    """
    library, flags = sources.library, tuple[str, ...]()
    if library is not None and category == "kernels":
        flags = library_includes(library) + (("-w",) if path.startswith(f"{LIBRARY}/") else ())
    return CompileJob(path, object_dir / object_name(path, category), flags)


def _write_sources(sources: Sources, target: Target, folder: Path) -> dict[str, str]:
    """Writes every file; returns the category of each one to compile, by path."""
    categories: dict[str, str] = {}
    files: dict[str, str] = {}
    for path, text in sources.files.items():
        files[path] = text
        categories[path] = "kernels" if path.startswith("kernels/") else "model"
    for path, text in sources.harness.items():
        files[path] = text
        categories[path] = "harness"
    for name, category in ((startup(target), "harness"), ("harness.c", "harness"), ("memory.c", "support")):
        path = f"runtime/{name}"
        files[path] = (RUNTIME / name).read_text(encoding="utf-8")
        categories[path] = category
    if sources.library is not None:
        added = library_files(sources.library, RUNTIME)
        files.update(added)
        categories.update(dict.fromkeys(added, "kernels"))
    files[_FEATURES], categories[_FEATURES] = feature_check(target.core), "support"
    for path, text in files.items():
        _make((folder / path).parent)
        try:
            (folder / path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{folder / path}: cannot be written: {error.strerror}") from None
    return {path: category for path, category in categories.items() if path.endswith((".c", ".S"))}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}; choose another work folder") from None


def object_name(path: str, category: str) -> str:
    """The object's file name that the linker script knows a source of this category by."""
    assert category in CATEGORIES
    return f"{category}__{path.replace('/', '_').rsplit('.', 1)[0]}.o"


def link(toolchain: Toolchain, target: Target, objects: list[str], elf_path: Path, stack_bytes: int) -> None:
    """Link with ``link.ld`` in the image's folder, where the objects' names start from. BuildFailed, DoesNotFit."""
    command = (
        *toolchain.command(),
        *toolchain.link_flags(target),
        "-Wl,-T,link.ld",
        *objects,
        *toolchain.libraries,
        "-o",
        elf_path.name,
    )
    work_dir = elf_path.parent
    try:
        run_tool(command, cwd=work_dir, what=f"linking {elf_path.name}", environment=toolchain.environment(work_dir))
    except BuildFailed as error:
        raise _link_error(str(error), target, stack_bytes) or error from None


def _compile_error(text: str, target: Target, toolchain: Toolchain) -> BuildFailed | None:
    """Shorter than what zig prints, the names of all CPUs it knows."""
    unknown = re.search(r"error: (unknown CPU[^\n]*)", text)
    if unknown is None:
        return None
    return BuildFailed(
        f"{toolchain.name}: {unknown.group(1)}; see zig_cpu, now {target.core.zig_cpu!r}, in the TOML file of core "
        f"{target.core.name}"
    )


def _link_error(text: str, target: Target, stack_bytes: int) -> DoesNotFit | None:
    if "static RAM reaches into code's" in text:
        return DoesNotFit(
            f"arena and statics reach into the RAM of {target.name} that the code kept in RAM takes. Take --code flash "
            "or a lower --max-ram"
        )
    overflow = re.search(r"region [`'](\w+)'.*?overflowed by (\d+) bytes", text)
    if overflow:
        kind, missing = overflow.groups()
        region = target.region("flash" if kind == "flash" else "sram")
        return DoesNotFit(
            f"the program does not fit {target.name}: its {region.name} of {region.size_bytes} bytes is "
            f"{missing} bytes too small; take a smaller model or a larger board"
        )
    if "static RAM reaches into the stack" in text:
        return DoesNotFit(
            f"the program does not fit {target.name}: arena, statics and {stack_bytes} bytes of stack need more than "
            f"its {target.region('sram').size_bytes} bytes of RAM; take a smaller model or a larger board"
        )
    return None
