# SPDX-License-Identifier: Apache-2.0
"""The kernels, built once."""

from __future__ import annotations

import ctypes

import pytest

from smidgen.kernels.registry import all_kernels
from tests.kernels.admitted import runs_on_host
from tests.kernels.host import build_kernels


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_kernels(tuple(k for k in all_kernels() if runs_on_host(k)), tmp_path_factory.mktemp("kernels"))
