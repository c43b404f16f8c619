# SPDX-License-Identifier: Apache-2.0
"""The generated C against the numpy model, byte for byte: on this machine and on the emulated core."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from smidgen.build import GccArm, Toolchain, Zig, build, build_host
from smidgen.errors import ToolNotFound
from smidgen.features import WAKEWORD, LogMel, feature_sources, features
from smidgen.profile import profile_image
from smidgen.sim import EmulatedMachine
from smidgen.targets import load_target
from tests.unit.features.sounds import Samples, clipped, sounds
from tests.unit.features.test_model import SPECS

MOST_CYCLES = {("zig", True): 46_500, ("gcc-arm", True): 46_000, ("zig", False): 60_500, ("gcc-arm", False): 56_500}
"""A frame of the wakeword features without wait states, by toolchain and whether assembly is used."""


class HostFeatures:
    """The C in this process."""

    def __init__(self, spec: LogMel, folder: Path) -> None:
        self.spec = spec
        library = build_host(feature_sources(spec), "shared", work_dir=folder, sanitize="undefined", optimize="-O2")
        self._frame = ctypes.CDLL(str(library)).smg_features_frame
        self.reset = ctypes.CDLL(str(library)).smg_features_reset

    def frame(self, samples: Samples) -> np.ndarray:
        given = np.ascontiguousarray(samples, np.int16)
        result = np.full(self.spec.bands + 2, 77, np.int8)
        self._frame(given.ctypes.data_as(ctypes.c_void_p), result.ctypes.data_as(ctypes.c_void_p))
        assert result[-2:].tolist() == [77, 77]
        return result[:-2]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_c_equals_the_model(spec: LogMel, tmp_path: Path) -> None:
    host = HostFeatures(spec, tmp_path)
    values = set()
    for name, x in sounds(3 * spec.hop + 2048).items():
        host.reset()
        wanted = features(spec, x, padded=True)
        for i, row in enumerate(wanted):
            assert np.array_equal(host.frame(x[i * spec.hop : (i + 1) * spec.hop]), row), (name, i)
        values |= set(wanted.ravel().tolist())
    assert len(values) > 80


@pytest.mark.parametrize("assembly", [True, False])
@pytest.mark.parametrize("toolchain", [Zig(), GccArm()], ids=lambda t: t.name)
def test_the_emulated_core_equals_the_model_within_the_budget(
    toolchain: Toolchain, assembly: bool, tmp_path: Path
) -> None:
    try:
        toolchain.version()
    except ToolNotFound as e:
        pytest.skip(str(e))
    target = load_target("generic-cortex-m4")
    sources = feature_sources(WAKEWORD, target.core.features if assembly else ())
    assert any(path.endswith(".S") for path in sources.files) == assembly
    image = build(sources, target, toolchain, work_dir=tmp_path)
    machine = EmulatedMachine(image)
    rng = np.random.default_rng(8)
    quiet_to_clipped = [clipped(rng.normal(0, s, 1024)) for s in (3, 300, 3000, 60000)]
    x = np.concatenate([*quiet_to_clipped, *(sounds(1024)[k] for k in ("step", "alternating", "lowest", "impulse"))])
    wanted = features(WAKEWORD, x, padded=True)
    pieces = [x[i : i + 512].tobytes() for i in range(0, len(x), 512)]
    for piece, row in zip(pieces, wanted, strict=True):
        assert machine.infer([piece])[0] == row.tobytes()
    assert profile_image(machine, [pieces[3]]).cycles.value <= MOST_CYCLES[toolchain.name, assembly]


@pytest.mark.parametrize("window", [256, 512, 2048])
def test_other_windows_on_the_emulated_core(window: int, tmp_path: Path) -> None:
    spec = LogMel(window=window, hop=window // 2)
    machine = EmulatedMachine(build(feature_sources(spec), load_target("generic-cortex-m4"), work_dir=tmp_path))
    x = clipped(np.random.default_rng(9).normal(0, 1000, 5 * spec.hop))
    for i, row in enumerate(features(spec, x, padded=True)):
        assert machine.infer([x[i * spec.hop : (i + 1) * spec.hop].tobytes()])[0] == row.tobytes()
