# SPDX-License-Identifier: Apache-2.0
"""Functions that a model defines for itself become the nodes they stand for, within a bound on their number."""

from __future__ import annotations

import onnx
import onnx.inliner

from smidgen.errors import MalformedModel
from smidgen.frontends.onnx.model import ModelProto

_MOST_NODES = 1 << 16

Key = tuple[str, str]


def inlined(model: ModelProto, source: str) -> ModelProto:
    """The model without functions of its own. Raises MalformedModel where these never end or grow too large."""
    if not model.functions:
        return model
    sizes: dict[Key, int] = {}
    bodies = {(f.domain, f.name): f for f in model.functions}

    def size(key: Key, path: tuple[Key, ...]) -> int:
        if key not in bodies:
            return 1
        if key in path or len(path) > 64:
            raise MalformedModel(f"{source}: function {key[1]!r} calls itself. Export the model again")
        if key not in sizes:
            sizes[key] = sum(size((n.domain, n.op_type), (*path, key)) for n in bodies[key].node)
        return sizes[key]

    total = sum(size((n.domain, n.op_type), ()) for n in model.graph.node)
    if total > _MOST_NODES:
        raise MalformedModel(f"{source}: its functions stand for {total} nodes; smidgen reads up to {_MOST_NODES}")
    try:
        return onnx.inliner.inline_local_functions(model)
    except Exception as e:  # onnx raises many kinds here, its C++ part's own among them
        raise MalformedModel(f"{source}: its functions cannot be expanded ({str(e)[:200]}). Export it again") from e
