# SPDX-License-Identifier: Apache-2.0
"""Results of imaginary devices, the same everywhere: what expected accuracies in tests were computed from."""

from __future__ import annotations

import random

KINDS = {"ad": (40, 1, 5), "vww": (60, 2, 1), "kws": (120, 12, 1), "ic": (50, 10, 1)}
"""Files, values an inference, inferences a file."""


def device_results(kind: str) -> tuple[list[int], list[list[list[float]]]]:
    """Labels, and for each file the results of its inferences, with three decimals as devices print them."""
    files, values, inferences = KINDS[kind]
    source = random.Random(kind)  # its random() gives the same numbers in every version of Python
    labels = [i % max(values, 2) for i in range(files)]
    results = []
    for label in labels:
        if values == 1:
            results.append([[round(8 + 4 * source.random() + 1.5 * label, 3)] for _ in range(inferences)])
            continue
        scores = [source.random() ** 3 + (0.4 if c == label else 0.0) for c in range(values)]
        results.append([[round(s / sum(scores), 3) for s in scores]])
    return labels, results
