# SPDX-License-Identifier: Apache-2.0
"""A definition of features -> the C files that compute them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from smidgen.codegen.ctext import array_definition, float_literal, wrap
from smidgen.features.log_mel import LogMel
from smidgen.features.model import frequencies
from smidgen.features.tables import LOG2, Floats, Tables, tables

FOLDER = "features"
"""Where a program keeps these files; its sources include "features/smg_features.h"."""

_C = Path(__file__).parent / "c"
_FIXED = (
    "smg_features.h", "smg_features.c", "smg_features_bands.c", "smg_features_fft.h", "smg_features_passes.h",
    "smg_features_power.h",
)  # fmt: skip
_PORTABLE, _M4F = "smg_features_passes.c", "smg_features_passes_m4f.S"
_M4F_NEEDS = frozenset(("dsp", "fpu"))
Place = Literal["flash", "sram"]
_CONST: Mapping[Place, str] = {"flash": "const ", "sram": ""}
_SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
_LINE = 110

_HEADER = """\
{spdx}/* The constants of smg_features.c, for one choice of features: {title}. Made by smidgen. */
#ifndef SMG_FEATURES_TABLES_H
#define SMG_FEATURES_TABLES_H

{defines}
#ifndef __ASSEMBLER__
#include <stdint.h>

#include "smg_features_fft.h"

/* {place} */
extern {const}float smg_features_window[{window}];
extern {const}smg_complex *const smg_features_twiddles[{passes}];
extern {const}smg_complex smg_features_split[{split}];
extern {const}float smg_features_weights[{weights}];

extern const uint16_t smg_features_order[{order}];
extern const uint16_t smg_features_segments[{segments}];
#endif

#endif
"""


def feature_files(spec: LogMel, isa: Collection[str] = (), place: Place = "flash") -> Mapping[str, str]:
    """Relative path -> text, below ``FOLDER``. Compile the .c and .S files with -ffp-contract=off.

    ``isa`` has a core's features (Core.features); with those of a Cortex-M4F the loops are in assembly where they can
    be. ``place`` sram: start-up code copies the tables of reals to RAM, where they cost no wait states. The results are
    the same.
    """
    t = tables(spec)
    fast = set(isa) >= _M4F_NEEDS and spec.window == 1024 and spec.hop == 512
    names = (*_FIXED, _M4F if fast else _PORTABLE)
    files = {name: (_C / name).read_text(encoding="utf-8") for name in names}
    files["smg_features_tables.h"] = _header(spec, t, place)
    files["smg_features_tables.c"] = _definitions(t, place)
    return {f"{FOLDER}/{name}": text for name, text in files.items()}


def _header(spec: LogMel, t: Tables, place: Place) -> str:
    return _HEADER.format(
        spdx=_SPDX,
        place=f"In {place}.",
        const=_CONST[place],
        title=f"{spec.bands} bands of {spec.window} samples every {spec.hop} at {spec.sample_rate} Hz",
        defines="".join(f"#define SMG_FEATURES_{name} {value}\n" for name, value in _constants(spec, t).items()),
        window=spec.window,
        passes=len(t.twiddles),
        split=len(_split_order(t)),
        order=len(_butterfly_order(t)),
        weights=max(1, len(t.weights)),
        segments=len(t.segment_bins),
    )


def _constants(spec: LogMel, t: Tables) -> Mapping[str, str]:
    numbers = {"WINDOW": spec.window, "HOP": spec.hop, "BANDS": spec.bands, "LAST_RADIX": t.last_radix}
    more = {"MIDDLE_PASSES": t.middle_passes, "FIRST_BIN": t.first_bin}
    emphasis = {"EMPHASIS_ONE": t.emphasis_one, "EMPHASIS_PREVIOUS": t.emphasis_previous}
    reals = {"GAIN": t.gain, "BIAS": t.bias, "TOP": t.top, "ZERO": t.zero}
    return {
        **{name: str(value) for name, value in {**numbers, **more, **emphasis}.items()},
        "LAST_DFT": f"smg_dft{t.last_radix}",
        "FLOOR_BITS": f"{int(t.floor.view(np.int32)):#x}",
        **{name: _real(value) for name, value in reals.items()},
        **{f"LOG2_{i}": _real(np.float32(c)) for i, c in enumerate(LOG2)},
    }


def _real(value: np.float32) -> str:
    text = float_literal(float(value))
    return f"({text})" if text.startswith("-") else text


def _definitions(t: Tables, place: Place) -> str:
    const = _CONST[place]
    names = [f"smg_features_twiddles_{i}" for i in range(len(t.twiddles))]
    weights = t.weights if len(t.weights) else np.zeros(1, np.float32)
    segments = t.segment_bins
    parts = [
        array_definition("smg_features_window", t.window.reshape(8, -1, 2).swapaxes(0, 1), const),
        *(_complex_array(f"static {const}smg_complex {n}", w) for n, w in zip(names, t.twiddles, strict=True)),
        f"{const}smg_complex *const smg_features_twiddles[{len(names)}] = {{{', '.join(names)}}};\n",
        _complex_array(f"{const}smg_complex smg_features_split", t.split[_split_order(t)]),
        array_definition("smg_features_order", np.array(_butterfly_order(t), np.uint16)),
        array_definition("smg_features_weights", weights, const),
        array_definition("smg_features_segments", segments.astype(np.uint16)),
    ]
    return f'{_SPDX}#include "smg_features_tables.h"\n\n' + "\n".join(parts)


def _complex_array(declaration: str, values: Floats) -> str:
    pairs = values.reshape(-1, 2)
    items = wrap((f"{{{float_literal(float(c))}, {float_literal(float(s))}}}," for c, s in pairs), "    ")
    return f"{declaration}[{len(pairs)}] = {{\n{items}\n}};\n"


def _split_order(t: Tables) -> list[int]:
    """Frequencies of the pairs in the order the last pass makes them."""
    step, radix = t.half // t.last_radix, t.last_radix
    own = [step // 2 + step * j for j in range(radix // 2)] + [step * j for j in range(1, radix // 2 + 1)]
    return own + [k + step * j for k in range(1, step // 2) for j in range(radix // 2)]


def _butterfly_order(t: Tables) -> list[int]:
    """Butterflies of the last pass: the one of STEP / 2, then those of k and STEP - k, for k = 1, 2, ..."""
    step = t.half // t.last_radix
    where = np.argsort(frequencies(t.half, t.last_radix))
    pairs = [int(where[i]) for k in range(1, step // 2) for i in (k, step - k)]
    return [int(where[step // 2]), *pairs]
