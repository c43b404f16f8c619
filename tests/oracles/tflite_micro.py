# SPDX-License-Identifier: Apache-2.0
"""TFLite Micro's own interpreter, with reference kernels: the oracle for ``tflm-int8.v1``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from tflite_micro import runtime

from tests.tflite_builder import Array

_ARENA_BYTES = 2 << 20


def run_tflite_micro(model: bytes, inputs: Sequence[Array], outputs: int = 1) -> list[Array]:
    """One inference. Raises RuntimeError where TFLite Micro refuses the model."""
    (result,) = run_many(model, [inputs], outputs)
    return result


def run_many(model: bytes, cases: Iterable[Sequence[Array]], outputs: int = 1) -> Iterator[list[Array]]:
    """The outputs of each case in turn."""
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=_ARENA_BYTES)
    for inputs in cases:
        for i, x in enumerate(inputs):
            interpreter.set_input(x, i)
        interpreter.invoke()
        yield [np.array(interpreter.get_output(i)) for i in range(outputs)]
