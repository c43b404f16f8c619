# SPDX-License-Identifier: Apache-2.0
"""zig cc from the ziglang wheel: the default compiler, for targets and for the host."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smidgen.build.toolchain import FREESTANDING, WARNINGS
from smidgen.errors import ToolNotFound
from smidgen.targets import Target


def zig_command() -> tuple[str, ...]:
    """``python -m ziglang``; ToolNotFound if the wheel is not installed."""
    if importlib.util.find_spec("ziglang") is None:
        raise ToolNotFound(
            "the zig compiler is not installed: pip install ziglang==0.17.1, "
            "or use the toolchain gcc-arm (Debian package gcc-arm-none-eabi)"
        )
    return (sys.executable, "-m", "ziglang")


def zig_environment(work_dir: Path) -> Mapping[str, str]:
    """The process's own variables; zig's cache moves into ``work_dir`` where its usual place is not writable."""
    environment = dict(os.environ)
    if "ZIG_GLOBAL_CACHE_DIR" not in environment and not _writable(_default_cache()):
        environment["ZIG_GLOBAL_CACHE_DIR"] = str(work_dir / "zig-cache")
    if "ZIG_LOCAL_CACHE_DIR" not in environment:
        environment["ZIG_LOCAL_CACHE_DIR"] = environment.get("ZIG_GLOBAL_CACHE_DIR", str(_default_cache()))
    return environment


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path(os.path.expanduser("~")) / ".cache") / "zig"


def _writable(folder: Path) -> bool:
    nearest = next((p for p in (folder, *folder.parents) if p.exists()), None)
    return nearest is not None and nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


@dataclass(frozen=True, slots=True)
class Zig:
    """Clang and LLD inside the ziglang wheel. Links zig's compiler-rt for what the core has no instruction for."""

    name: str = "zig"
    libraries: tuple[str, ...] = ()

    def version(self) -> str:
        zig_command()
        return f"ziglang {importlib.metadata.version('ziglang')}"

    def command(self) -> tuple[str, ...]:
        return (*zig_command(), "cc")

    def compile_flags(self, target: Target, optimize: str) -> tuple[str, ...]:
        # zig adds UBSan to unoptimized builds by itself; a target build never wants it
        machine = (*_machine(target), "-fno-sanitize=undefined")
        return (*machine, optimize, *FREESTANDING, *WARNINGS)

    def link_flags(self, target: Target) -> tuple[str, ...]:
        machine = (*_machine(target), "-O3")
        return (
            *machine,
            "-Wl,--gc-sections",
            "-Wl,-e,Reset_Handler",
        )  # zig's LLD does not read ENTRY()

    def environment(self, work_dir: Path) -> Mapping[str, str]:
        return zig_environment(work_dir)


def _machine(target: Target) -> tuple[str, ...]:
    core = target.core
    return ("-target", core.zig_target, f"-mcpu={core.zig_cpu}", *core.zig_flags)
