# SPDX-License-Identifier: Apache-2.0
"""Models by name: official MLPerf Tiny files where the user has them, else the same topologies with noise weights."""

from smidgen.zoo.topologies import SYNTHETIC
from smidgen.zoo.zoo import ZOO, Found, ZooModel, find_model, pull

__all__ = ["SYNTHETIC", "ZOO", "Found", "ZooModel", "find_model", "pull"]
