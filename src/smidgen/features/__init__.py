# SPDX-License-Identifier: Apache-2.0
"""Audio to a network's input: log-mel features as a definition, as a bit-true model and as C for the device."""

from smidgen.features.emit import FOLDER, Place, feature_files
from smidgen.features.log_mel import WAKEWORD, LogMel, Window
from smidgen.features.model import Stream, features
from smidgen.features.program import feature_sources
from smidgen.features.reference import reference, reference_levels

__all__ = [
    "FOLDER",
    "WAKEWORD",
    "LogMel",
    "Place",
    "Stream",
    "Window",
    "feature_files",
    "feature_sources",
    "features",
    "reference",
    "reference_levels",
]
