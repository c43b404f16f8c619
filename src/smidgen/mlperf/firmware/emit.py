# SPDX-License-Identifier: Apache-2.0
"""A compiled model and a task -> the C firmware of a benchmark device, as files, a folder or an image."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smidgen.build import startup
from smidgen.build.link import DEFAULT_STACK_BYTES, linker_script
from smidgen.codegen.folder import write_folder
from smidgen.codegen.template import fill
from smidgen.compiler import TOOLCHAINS, Compiled
from smidgen.errors import UsageError
from smidgen.features import FOLDER
from smidgen.mlperf.firmware.audio import BUFFER_BYTES as AUDIO_BUFFER_BYTES
from smidgen.mlperf.firmware.audio import COMMAND_BYTES as AUDIO_COMMAND_BYTES
from smidgen.mlperf.firmware.build import RUNTIME, build_firmware, objects_of
from smidgen.mlperf.firmware.folder import Facts, makefile, readme
from smidgen.mlperf.firmware.glue import Glue, glue
from smidgen.mlperf.firmware.ports import PORTS, Port
from smidgen.mlperf.link import ENERGY_BAUD, PERFORMANCE_BAUD
from smidgen.mlperf.tasks import Task
from smidgen.targets import Target

Mode = Literal["performance", "energy"]
MODES: tuple[Mode, ...] = ("performance", "energy")
COMMAND_BYTES = 80
"""The longest command, as in the benchmark's own firmware."""

_MOST_COMMAND_BYTES = 8_192 + len("db ")

_CORE = (
    "smg_dut.c",
    "smg_dut.h",
    "smg_port.h",
    "smg_print.c",
    "smg_print.h",
    "smg_registers.h",
    "smg_th.c",
    "smg_th.h",
)
_VENDOR = re.compile(r"[A-Za-z0-9 ._+-]{1,60}")


@dataclass(frozen=True, slots=True)
class Firmware:
    """C sources of a device under test. ``files``: relative path -> text, complete with linker script."""

    name: str
    files: Mapping[str, str]
    target: Target
    task: Task
    port: Port
    mode: Mode
    baud: int
    notes: tuple[str, ...]
    command_bytes: int = COMMAND_BYTES

    def write(self, folder: Path, *, replace: bool = False) -> list[str]:
        """Write all files into ``folder``, made new, or nothing; returns their paths. OutputError."""
        return write_folder(folder, self.files, replace=replace)

    def build(self, toolchain: str = "zig", work_dir: Path | None = None) -> Path:
        """Compile and link; returns the ELF. Without ``work_dir`` it lies in a folder that the process removes.

        Raises UsageError, ToolNotFound, BuildFailed, DoesNotFit, OutputError.
        """
        if toolchain not in TOOLCHAINS:
            raise UsageError(f"no toolchain {toolchain!r}; there are {', '.join(TOOLCHAINS)}")
        folder = work_dir or _scratch_folder(self.digest + toolchain)
        return build_firmware(self.files, self.name, self.target, TOOLCHAINS[toolchain](), folder)

    @property
    def digest(self) -> str:
        """SHA-256 of all files."""
        digest = hashlib.sha256()
        for path, text in sorted(self.files.items()):
            digest.update(f"{path}\0{len(text)}\0{text}".encode())
        return digest.hexdigest()


_FOLDERS: dict[str, tempfile.TemporaryDirectory[str]] = {}


def _scratch_folder(key: str) -> Path:
    if key not in _FOLDERS:
        _FOLDERS[key] = tempfile.TemporaryDirectory(prefix="smidgen-dut-")
    return Path(_FOLDERS[key].name)


def firmware(
    compiled: Compiled,
    task: Task,
    *,
    port: str = "virtual",
    mode: str = "performance",
    vendor: str = "smidgen",
    command_bytes: int | None = None,
) -> Firmware:
    """The device under test around a compiled model.

    ``mode``: performance (accuracy runs use it too) or energy. ``vendor`` is what ``name`` answers. ``command_bytes``:
    the longest command it takes; None: what the reference firmware of the task takes. UsageError if the model does not
    fit the task, was compiled for another board than the port's, or an argument is wrong.
    """
    board, kind = _port(compiled, port), _mode(mode)
    if not isinstance(task, Task):
        raise UsageError(f"task is a {type(task).__name__}: take one of smidgen.mlperf.tasks.TASKS")
    if not _VENDOR.fullmatch(vendor):
        raise UsageError(f"vendor is {vendor!r}: use 1 to 60 letters, digits, spaces or any of . _ + -")
    if compiled.sources.library is not None:
        raise UsageError(
            f"firmware holds all its code, and {compiled.sources.library.name} is not ours: use --kernels own"
        )
    parts = glue(compiled, task)
    command_bytes = max(command_bytes or 0, _command_bytes(task))
    baud = _baud(kind, task)
    name = f"{compiled.graph.name}_{board.name.replace('-', '_')}_{kind}"
    facts = Facts(name, board, task, kind, baud, vendor, parts.notes)
    program = _program(compiled, facts, parts, command_bytes)
    files = {
        **program,
        "link.ld": _linker_script(compiled, program),
        "Makefile": makefile(program, compiled.target, facts, compiled.origin.version),
        "README.md": readme(compiled, facts),
        "manifest.json": compiled.sources.extras["manifest.json"],
    }
    return Firmware(name, files, compiled.target, task, board, kind, baud, parts.notes, command_bytes)


def long_command_bytes(task: Task) -> int:
    """A length of commands with which a task's input is loaded quickly: in one of them, or in pieces of 4 KB."""
    return max(_command_bytes(task), min(len("db ") + 2 * task.input_bytes, _MOST_COMMAND_BYTES))


def _command_bytes(task: Task) -> int:
    return AUDIO_COMMAND_BYTES if task.format == "audio" else COMMAND_BYTES


def _baud(mode: Mode, task: Task) -> int:
    """As runners expect it: slow where energy is measured, but for audio, which only the Python runner knows."""
    return ENERGY_BAUD if mode == "energy" and task.format != "audio" else PERFORMANCE_BAUD


def _program(compiled: Compiled, facts: Facts, parts: Glue, command_bytes: int) -> dict[str, str]:
    """Every file of C, by path."""
    audio = facts.task.format == "audio"
    config = fill(
        "dut_config.h.in",
        version=compiled.origin.version,
        vendor=facts.vendor,
        model_id=facts.task.model_id,
        baud=facts.baud,
        command_bytes=command_bytes,
        buffer_bytes=AUDIO_BUFFER_BYTES if audio else facts.task.input_bytes,
        echo=int(audio),
        core_hertz=compiled.target.clock_hz,
    )
    names = (*_CORE, f"smg_th_{facts.mode}.c", *parts.sources)
    dut = {name: (RUNTIME / "mlperf" / name).read_text(encoding="utf-8") for name in names}
    dut |= {"port.c": facts.port.source(), "smg_dut_config.h": config, **parts.files}
    dut |= {"audio.c": facts.port.audio_source()} if audio else {}
    return {
        **compiled.sources.files,
        **{f"dut/{name}": text for name, text in dut.items()},
        **{f"runtime/{n}": (RUNTIME / n).read_text(encoding="utf-8") for n in (startup(compiled.target), "memory.c")},
    }


def _port(compiled: Compiled, name: str) -> Port:
    if not isinstance(compiled, Compiled):
        raise UsageError(f"firmware takes what smidgen.compile returns, not a {type(compiled).__name__}")
    if name not in PORTS:
        raise UsageError(f"no port {name!r}; there are {', '.join(PORTS)}")
    port = PORTS[name]
    if port.board is not None and port.board != compiled.target.name:
        raise UsageError(
            f"the model was compiled for {compiled.target.name}, the port is for {port.board}: compile it with "
            f"--target {port.board}"
        )
    return port


def _mode(name: str) -> Mode:
    for mode in MODES:
        if name == mode:
            return mode
    raise UsageError(f"no mode {name!r}; there are {', '.join(MODES)} (accuracy runs use the performance build)")


def _linker_script(compiled: Compiled, program: Mapping[str, str]) -> str:
    """Where code runs from RAM, that of the features does too."""
    interface = compiled.sources.interface
    chosen = (*interface.ram_code, f"dut/{FOLDER}/") if interface.ram_code else ()
    ram = [o for path, o in objects_of(program).items() if path.startswith(chosen)]
    return linker_script(
        compiled.target, interface.arena_symbol, DEFAULT_STACK_BYTES, ram, interface.second_arena_symbol
    )
