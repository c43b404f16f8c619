# SPDX-License-Identifier: Apache-2.0
"""Boards and cores load, and what is wrong with one is said."""

from pathlib import Path

import pytest

from smidgen.errors import TargetError, UsageError
from smidgen.targets import list_targets, load_target
from smidgen.targets.isa import FEATURES, IMPLIES, close
from smidgen.targets.machines import COST_CLASSES

BOARD = """
name = "mine"
title = "My board"
core = "cortex_m4f"
clock_hz = 48_000_000
provenance = "my notebook"
[[regions]]
name = "flash"
kind = "flash"
base = 0x0
size_bytes = 0x10000
wait_states = 1
provenance = "my notebook"
[[regions]]
name = "ram"
kind = "sram"
base = 0x2000_0000
size_bytes = 0x4000
wait_states = 0
provenance = "my notebook"
"""


def test_the_boards_of_the_project_load() -> None:
    assert {"generic-cortex-m4", "nucleo-l4r5zi", "numaker-m467hj", "ibex", "rv32imc"} <= set(list_targets())
    for name in list_targets():
        target = load_target(name)
        assert target.name == name
        assert target.core.features <= set(FEATURES)
        assert target.core.cycles.keys() == target.core.provenance.keys()
        assert all(region.provenance for region in target.regions)


def test_nucleo_has_the_memories_of_its_chip() -> None:
    target = load_target("nucleo-l4r5zi")
    flash, ram = target.region("flash"), target.region("sram")
    assert (flash.base, flash.size_bytes, flash.wait_states) == (0x0800_0000, 2 << 20, 5)
    assert (ram.base, ram.size_bytes, ram.wait_states) == (0x2000_0000, 640 << 10, 0)
    assert target.clock_hz == 120_000_000
    cache = target.flash_cache
    assert cache is not None
    assert (cache.instruction_lines * cache.line_bytes, cache.data_lines * cache.line_bytes) == (1024, 256)


def test_an_unknown_name_lists_near_ones() -> None:
    with pytest.raises(UsageError, match=r"'nucleo-l4r5'.*did you mean nucleo-l4r5zi"):
        load_target("nucleo-l4r5")
    with pytest.raises(UsageError, match=r"known are .*generic-cortex-m4.*nucleo"):
        load_target("qqq")
    with pytest.raises(UsageError, match="does not exist"):
        load_target("no/such.toml")


def test_a_users_own_board_and_core(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(BOARD.replace('"cortex_m4f"', '"core1"'))
    (tmp_path / "core1.toml").write_text(
        'name = "core1"\ntitle = "t"\nfeatures = ["dsp"]\nzig_cpu = "z"\ngcc_flags = []\n'
        + "".join(f'[cycles.{name}]\nvalue = 3\nprovenance = "p"\n' for name in COST_CLASSES)
    )
    target = load_target(file)
    assert target.core.cycles == dict.fromkeys(COST_CLASSES, 3)
    assert "thumb2" in target.core.features
    assert "fpu" not in target.core.features


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('wait_states = 1\nprovenance = "my notebook"', "wait_states = 1", r"regions\[0\]: provenance is missing"),
        ('48_000_000\nprovenance = "my notebook"', "48_000_000", "the board: provenance is missing"),
        ("48_000_000", "0", "clock_hz is 0"),
        ("48_000_000", '"fast"', "clock_hz is 'fast', not of type int"),
        ("clock_hz = 48_000_000", "", "clock_hz is missing"),
        ('kind = "sram"', 'kind = "flash"', "no region of kind 'sram'"),
        ('kind = "sram"', 'kind = "ram"', "use 'flash' or 'sram'"),
        ("base = 0x2000_0000", "base = 0x1000", "overlap"),
        ("size_bytes = 0x4000", "size_bytes = 0x4001", "multiples of 4096"),
        ("size_bytes = 0x4000", "size_bytes = -4096", "below 0"),
        ('core = "cortex_m4f"', 'core = "cortex_m99"', "no core 'cortex_m99': known are .*cortex_m4f"),
        ("[[regions]]", "[[regions", "not TOML"),
    ],
)
def test_what_is_wrong_with_a_board_is_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    assert old in BOARD
    file.write_text(BOARD.replace(old, new, 1))
    with pytest.raises(TargetError, match=message):
        load_target(file)


def test_a_core_number_without_provenance_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(BOARD.replace('"cortex_m4f"', '"core1"'))
    head = 'name = "core1"\ntitle = "t"\nfeatures = ["dsp"]\nzig_cpu = "z"\ngcc_flags = []\n'
    (tmp_path / "core1.toml").write_text(head + "[cycles.alu]\nvalue = 1\n")
    with pytest.raises(TargetError, match=r"cycles\.alu: provenance is missing"):
        load_target(tmp_path / "mine.toml")
    (tmp_path / "core1.toml").write_text(head.replace("dsp", "warp") + "[cycles]\n")
    with pytest.raises(TargetError, match="unknown feature 'warp'"):
        load_target(tmp_path / "mine.toml")


def test_a_risc_v_core_is_not_priced_by_a_model_of_thumb_code(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(BOARD.replace('"cortex_m4f"', '"core1"'))
    head = 'name = "core1"\ntitle = "t"\nfeatures = ["rv32m"]\nzig_cpu = "z"\ngcc_flags = []\n'
    cycles = "".join(f'[cycles.{c}]\nvalue = 1\nprovenance = "p"\n' for c in COST_CLASSES)
    (tmp_path / "core1.toml").write_text(head + cycles)
    assert load_target(tmp_path / "mine.toml").core.counts == "instructions"
    (tmp_path / "core1.toml").write_text(head + 'counts = "model"\n' + cycles)
    with pytest.raises(TargetError, match="counts is 'model'; use 'instructions' here"):
        load_target(tmp_path / "mine.toml")


def test_implied_features_exist_and_close() -> None:
    assert set(IMPLIES) <= set(FEATURES)
    assert close(["dsp"]) == {"dsp", "thumb2", "thumb", "mul64", "hwdiv", "saturate", "unaligned"}
    assert close([]) == frozenset()
