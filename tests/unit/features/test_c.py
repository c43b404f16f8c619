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
from smidgen.sim import Machine
from smidgen.targets import load_target
from tests.unit.features.sounds import Samples, clipped, sounds
from tests.unit.features.test_model import SPECS

MOST_CYCLES = {"zig": 60_000, "gcc-arm": 57_000}
"""A frame of the wakeword features, without wait states."""


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


@pytest.mark.parametrize("toolchain", [Zig(), GccArm()], ids=lambda t: t.name)
def test_the_emulated_core_equals_the_model_within_the_budget(toolchain: Toolchain, tmp_path: Path) -> None:
    try:
        toolchain.version()
    except ToolNotFound as e:
        pytest.skip(str(e))
    image = build(feature_sources(WAKEWORD), load_target("generic-cortex-m4"), toolchain, work_dir=tmp_path)
    machine = Machine(image)
    rng = np.random.default_rng(8)
    x = np.concatenate([clipped(rng.normal(0, s, 1024)) for s in (3, 300, 3000, 60000)])
    wanted = features(WAKEWORD, x, padded=True)
    pieces = [x[i : i + 512].tobytes() for i in range(0, len(x), 512)]
    for piece, row in zip(pieces, wanted, strict=True):
        assert machine.infer([piece])[0] == row.tobytes()
    assert profile_image(machine, [pieces[3]]).cycles.value <= MOST_CYCLES[toolchain.name]


@pytest.mark.parametrize("window", [256, 512, 2048])
def test_other_windows_on_the_emulated_core(window: int, tmp_path: Path) -> None:
    spec = LogMel(window=window, hop=window // 2)
    machine = Machine(build(feature_sources(spec), load_target("generic-cortex-m4"), work_dir=tmp_path))
    x = clipped(np.random.default_rng(9).normal(0, 1000, 5 * spec.hop))
    for i, row in enumerate(features(spec, x, padded=True)):
        assert machine.infer([x[i * spec.hop : (i + 1) * spec.hop].tobytes()])[0] == row.tobytes()
