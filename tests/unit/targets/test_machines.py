# SPDX-License-Identifier: Apache-2.0
"""Core files that contradict themselves or lack what kernels ask for are refused when they are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smidgen.errors import TargetError
from smidgen.sim.qemu.machines import MACHINES as QEMU
from smidgen.sim.registers import PROCESSORS
from smidgen.sim.rtl.cores import CORES
from smidgen.targets import load_target
from smidgen.targets.machines import COST_CLASSES, MACHINES, isa_of

FOLDER = Path(__file__).parents[3] / "src" / "smidgen" / "targets"


def edited(folder: Path, core: str, board: str, old: str, new: str) -> Path:
    """A board's file beside its core's, with every match of ``old`` in either replaced."""
    texts = {f"{core}.toml": FOLDER / "cores" / f"{core}.toml", "board.toml": FOLDER / "boards" / f"{board}.toml"}
    found = 0
    for name, source in texts.items():
        text, times = re.subn(old, new, source.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        (folder / name).write_text(text, encoding="utf-8")
        found += times
    assert found
    return folder / "board.toml"


CONTRADICTIONS = [
    ("ibex", "ibex", r"^features = .*?$", 'features = ["rv32m", "dsp"]', "has thumb and rv32i"),
    ("ibex", "ibex", r"^machine = .*?$", 'machine = "rocket"', "no machine 'rocket'.*only ibex, cv32e40p"),
    ("ibex", "ibex", r"^machine = .*?$", 'machine = "vexriscv"', "'vexriscv' has no rv32c"),
    ("cv32e40p", "cv32e40p", r"^machine = .*?$", 'machine = "ibex"', "'ibex' has no xcv"),
    ("ibex", "ibex", r"^counts = .*?$", 'counts = "instructions"', "use 'cycles' here"),
    ("rv32imc", "rv32imc", r"^counts = .*?$", 'counts = "cycles"', "use 'instructions' here"),
    ("rv32imc", "rv32imc", r"^machine = .*?$", 'machine = "cortex-m4"', "no machine 'cortex-m4'.*only rv32imc"),
    ("rv32imc", "rv32imc", r"^features = .*?$", 'features = ["rvv"]', "'rv32imc' has no rvv"),
    ("cortex_m4f", "nucleo-l4r5zi", r"^machine = .*?$", 'machine = "cortex-m0"', "'cortex-m0' has no dsp, fpu"),
    ("cortex_m33", "nrf5340-dk", r"^features = .*?$", 'features = ["mve", "fpu"]', "'cortex-m33' has no mve"),
    ("rv32imcv_128", "rv32imcv-qemu", r"^machine = .*?$", 'machine = "mps3-an547"', "only rv32imc, rv32imcv-128"),
    ("ibex", "ibex", r"value = 37", "value = -1", "cycles.divide: value is -1"),
    ("ibex", "ibex", r"wait_states = 0", "wait_states = 5", "region 'flash' has wait states.*answers at once"),
]


@pytest.mark.parametrize(("core", "board", "old", "new", "said"), CONTRADICTIONS, ids=[c[-1] for c in CONTRADICTIONS])
def test_a_contradiction_is_refused(core: str, board: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=said) as found:
        load_target(edited(tmp_path, core, board, old, new))
    assert str(found.value).startswith(str(tmp_path))


def test_a_flash_cache_beside_rtl_is_refused(tmp_path: Path) -> None:
    file = edited(tmp_path, "ibex", "ibex", "^clock_hz", "clock_hz")
    cache = "instruction_lines=4\ndata_lines=4\nline_bytes=16\nfetch_bytes=8\nprefetch=true\nprovenance='p'\n"
    file.write_text(f"{file.read_text()}\n[flash_cache]\n{cache}")
    with pytest.raises(TargetError, match=r"flash_cache is given.*answers at once"):
        load_target(file)


@pytest.mark.parametrize("core", ["ibex", "cortex_m0plus", "cortex_m4f", "rv32imcv_128", "cortex_m55"])
@pytest.mark.parametrize("name", COST_CLASSES)
def test_a_missing_class_of_cycles_is_named(core: str, name: str, tmp_path: Path) -> None:
    board = {"cortex_m0plus": "generic-cortex-m0plus", "cortex_m4f": "nucleo-l4r5zi", "cortex_m55": "m55-reference"}
    board |= {"ibex": "ibex", "rv32imcv_128": "rv32imcv-qemu"}
    with pytest.raises(TargetError, match=f"no cycles.{name}: "):
        load_target(edited(tmp_path, core, board[core], rf"^\[cycles\.{name}\].*?(?=^\[|\Z)", ""))


@pytest.mark.parametrize("key", ["name", "title", "features", "machine", "zig_cpu", "gcc_flags"])
def test_a_missing_field_is_named(key: str, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=f"{key} is missing"):
        load_target(edited(tmp_path, "ibex", "ibex", rf"^{key} = .*?$", ""))


def test_the_simulators_know_the_same_machines() -> None:
    by_isa = {isa: {n for n, has in MACHINES["unicorn"].items() if isa_of(has) == isa} for isa in PROCESSORS}
    assert by_isa == {isa: set(p.models) for isa, p in PROCESSORS.items()}
    assert {n: isa_of(has) for n, has in MACHINES["qemu"].items()} == {n: m.isa for n, m in QEMU.items()}
    assert set(MACHINES["rtl"]) == {core.name for core in CORES}
