# SPDX-License-Identifier: Apache-2.0
"""Makes the tiny program of tests/conformance importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance"))
