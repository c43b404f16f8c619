# SPDX-License-Identifier: Apache-2.0
"""A program for the emulator that computes features, a frame an inference."""

from __future__ import annotations

from collections.abc import Collection

from smidgen.codegen.sources import Interface, Sources, TensorSlot
from smidgen.features.emit import Place, feature_files
from smidgen.features.log_mel import LogMel

_HARNESS = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* One frame an inference. */
#include "features/smg_features.h"

void smg_harness_infer(void);

int16_t smg_harness_samples[SMG_FEATURES_HOP];
int8_t smg_harness_features[SMG_FEATURES_BANDS];

void smg_harness_infer(void) { smg_features_frame(smg_harness_samples, smg_harness_features); }
"""


def feature_sources(spec: LogMel, isa: Collection[str] = (), place: Place = "flash") -> Sources:
    """A program for the emulator that takes a frame's samples and gives its features. Static RAM is zero at the start,
    which is what a reset leaves."""
    slot = TensorSlot
    interface = Interface(
        inputs=(slot("samples", "smg_harness_samples", 0, 2 * spec.hop),),
        outputs=(slot("features", "smg_harness_features", 0, spec.bands),),
        steps=(),
        arena_symbol="",
        run_symbol="smg_features_frame",
    )
    return Sources("features", feature_files(spec, isa, place), {"harness_features.c": _HARNESS}, interface, digest="")
