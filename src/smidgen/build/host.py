# SPDX-License-Identifier: Apache-2.0
"""Sources -> a shared library or a program for this machine, plain or with sanitizers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from smidgen.build.image import INCLUDES
from smidgen.build.objects import CompileJob, Compiler, compile_all
from smidgen.build.toolchain import WARNINGS, run_tool
from smidgen.build.zig import Zig, zig_environment
from smidgen.codegen.sources import Sources
from smidgen.errors import OutputError, ToolError, ToolNotFound

Kind = Literal["shared", "executable"]
Sanitizer = Literal["none", "undefined", "address"]
"""undefined: UBSan in zig's clang; address: ASan and UBSan in a gcc or clang of this machine. Both end the process."""

_SANITIZE = {
    "none": ("-fno-sanitize=undefined",),
    "undefined": ("-fsanitize=undefined", "-fno-sanitize-recover=all", "-g"),
    "address": ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"),
}
_PROBE = "int main(void) { return 0; }\n"


def address_sanitizer(work_dir: Path) -> tuple[str | None, str]:
    """A host compiler whose AddressSanitizer links and runs here, or None and the reason.

    Looks at SMIDGEN_HOST_CC, gcc and clang, in this order; zig brings no ASan run-time library.
    """
    tried = []
    for name in (os.environ.get("SMIDGEN_HOST_CC"), "gcc", "clang"):
        path = shutil.which(name) if name else None
        if path is None:
            continue
        probe = work_dir / "asan_probe.c"
        _write(probe, _PROBE)
        try:
            command = (path, *_SANITIZE["address"], probe.name, "-o", "asan_probe")
            run_tool(command, cwd=work_dir, what="probing AddressSanitizer", timeout_s=60)
            run_tool((str(work_dir / "asan_probe"),), cwd=work_dir, what="running the probe", timeout_s=60)
        except ToolError as error:  # the reason; the next compiler is tried
            tried.append(f"{name}: {error}")
            continue
        return path, ""
    return None, "; ".join(tried) or "no gcc or clang on this machine (set SMIDGEN_HOST_CC to one)"


def build_host(
    sources: Sources,
    kind: Kind,
    *,
    work_dir: Path,
    sanitize: Sanitizer = "none",
    extra: Mapping[str, str] | None = None,
    optimize: str = "-O1",
) -> Path:
    """Compiles ``sources.files`` and ``extra`` (relative path -> text; a program's main) without the harness.

    Returns the library's or program's path. Raises ToolNotFound (address: with the reason), BuildFailed, OutputError.
    """
    root, objects = work_dir / "host-src", work_dir / f"host-obj-{kind}-{sanitize}"
    files = {**sources.files, **(extra or {})}
    for path, text in files.items():
        _write(root / path, text)
    objects.mkdir(parents=True, exist_ok=True)
    command, identity = _compiler(work_dir, sanitize)
    flags = (
        optimize,
        "-std=c11",
        "-fPIC",
        "-ffp-contract=off",
        "-fno-omit-frame-pointer",
        *WARNINGS,
        *_SANITIZE[sanitize],
    )
    jobs = [
        CompileJob(path, objects / f"{path.replace('/', '_').removesuffix('.c')}.o")
        for path in sorted(files)
        if path.endswith(".c")
    ]
    environment = zig_environment(work_dir)
    compile_all(Compiler(identity, command, flags, environment), root, jobs, INCLUDES)
    result = work_dir / (f"lib{sources.name}.so" if kind == "shared" else sources.name)
    shared = ("-shared",) if kind == "shared" else ()
    names = [str(job.output) for job in jobs]
    link = (*command, optimize, *_SANITIZE[sanitize], *shared, *names, "-lm", "-o", str(result))
    run_tool(link, cwd=work_dir, what=f"linking {result.name}", environment=environment)
    return result


def host_identity() -> str:
    """Name and version of the host's default compiler, for cache keys."""
    return f"host {Zig().version()}"


def _compiler(work_dir: Path, sanitize: Sanitizer) -> tuple[tuple[str, ...], str]:
    """The driver and its name and version."""
    if sanitize != "address":
        return Zig().command(), host_identity()
    path, reason = address_sanitizer(work_dir)
    if path is None:
        raise ToolNotFound(f"no compiler with AddressSanitizer: {reason}; use sanitize='undefined' or install gcc")
    version = run_tool((path, "--version"), cwd=work_dir, what="asking the compiler's version")
    return (path,), f"host {version.splitlines()[0]}"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; choose another work folder") from None
