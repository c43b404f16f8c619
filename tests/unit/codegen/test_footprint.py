# SPDX-License-Identifier: Apache-2.0
"""Modelled sizes against built ones. The rule: a model's flash and RAM macros are never below what is built, and above
it by 15 % and 512 bytes at most."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import footprint as bench

from smidgen.compiler import Compiled
from smidgen.compiler import compile as compile_model
from smidgen.kernels import footprint
from smidgen.kernels.registry import all_kernels
from smidgen.profile import profile_image
from smidgen.sim import EmulatedMachine
from smidgen.zoo.topologies import SYNTHETIC

SETTINGS = ("speed", "size", *(pytest.param(s, marks=pytest.mark.full) for s in ("ram", "balanced")))


@pytest.fixture
def compiled(name: str, setting: str) -> Compiled:
    return compile_model(SYNTHETIC[name](), optimize=setting, check_fit=False)


@pytest.mark.slow
def test_the_table_is_what_would_be_measured_now() -> None:
    assert bench.main([]) == 0, "python bench/footprint.py --update"


@pytest.mark.slow
def test_a_stale_table_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    stale = tmp_path / "footprint.toml"
    stale.write_text(bench.TABLE.read_text().replace("base_code_bytes = ", "base_code_bytes = 1"))
    monkeypatch.setattr(bench, "TABLE", stale)
    assert bench.main([]) == 1
    assert "is stale" in capsys.readouterr().err


def test_every_kernel_has_figures() -> None:
    table = footprint._table()
    measured = [k for k in all_kernels() if k.constants is None]
    assert sorted(table) == sorted(["run", *(k.symbol for k in measured)])
    assert all(k.footprint for k in all_kernels() if k.constants)
    for kernel in measured:
        assert 0 < footprint.code_bytes(kernel.symbol) < 8192
        assert 0 < footprint.stack_bytes(kernel.symbol) < 512


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", sorted(SYNTHETIC))
def test_macros_hold_what_is_built(compiled: Compiled) -> None:
    image = compiled.build()
    stack = profile_image(EmulatedMachine(image), [bytes(v.type.nbytes) for v in compiled.graph.inputs]).stack.value
    memory = compiled.memory
    flash, ram = memory.weights + memory.code, memory.arena + memory.stack
    assert memory.arena == image.sizes.arena_bytes
    assert image.sizes.flash_bytes <= flash <= 1.15 * image.sizes.flash_bytes + 512
    assert image.sizes.ram_bytes + stack <= ram <= 1.15 * (image.sizes.ram_bytes + stack) + 512
