# SPDX-License-Identifier: Apache-2.0
"""Where official models and samples lie, for tests that use them; users need not have them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("SMIDGEN_SHARED") or Path(__file__).resolve().parents[2] / "shared")

needs_shared = pytest.mark.skipif(
    not (SHARED / "zoo").is_dir(),
    reason="official models and samples are absent: a folder `shared` beside the repository, or SMIDGEN_SHARED",
)
