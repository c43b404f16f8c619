# SPDX-License-Identifier: Apache-2.0
"""Random networks of which some layers are quantised and some are not."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Graph, Value
from smidgen.ops import Dequantize, Quantize
from smidgen.quantize import integerize
from smidgen.transforms import FLOAT, run_pipeline
from tests.qdq_networks import FloatNetwork, quantized


def mixed_network(seed: int, share: float = 0.5) -> Graph:
    """A random network, quantised, then without a random share of its Quantize and Dequantize pairs; integer form."""
    graph = quantized(FloatNetwork(seed).graph())
    random, producers = np.random.default_rng(seed), graph.producers()
    real: dict[Value, Value] = {}
    for node in graph.nodes:
        before = producers.get(node.inputs[0])
        if isinstance(node.op, Dequantize) and before is not None and isinstance(before.op, Quantize):
            source = real.get(before.inputs[0], before.inputs[0])
            own = node.output in graph.outputs or source in graph.inputs
            if not own and random.random() < share:
                real[node.output] = source
    graph = graph.with_nodes(tuple(n for n in graph.nodes if n.output not in real)).substitute(real)
    return integerize(run_pipeline(FLOAT, graph))
