# SPDX-License-Identifier: Apache-2.0
"""Digests of everything that a measurement depends on: equal digests, equal measurements."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from smidgen.build import Toolchain
from smidgen.ir import Array, Graph, Node, format_graph
from smidgen.kernels import Kernel, function_file, source_path
from smidgen.kernels.kernel import ROOT
from smidgen.targets import Target
from smidgen.tune.cache import SCHEMA

OPTIMIZE = "-O3"


def environment_key(target: Target, toolchain: Toolchain) -> str:
    """Schema, compiler with its flags, the core's and the flash's timing, and the code of the cycle model."""
    flash = target.region("flash")
    parts = [
        f"schema {SCHEMA}",
        toolchain.name,
        toolchain.version(),
        *toolchain.compile_flags(target, OPTIMIZE),
        *(f"{rule} {cycles}" for rule, cycles in sorted(target.core.cycles.items())),
        *sorted(target.core.features),
        f"flash {flash.wait_states} {flash.base} {target.flash_cache}",
    ]
    return _digest([*(p.encode() for p in parts), *(_code(p) for p in _model_files())])


def kernel_key(environment: str, kernel: Kernel, node: Node) -> str:
    """One kernel at one node: its C, its packed constants and parameters, the shapes and constants of the node."""
    _, text = function_file(kernel, node)
    headers = [source_path(kernel).parent / name for name in kernel.includes]
    types = [f"{v.type} {v.type.quant}" for v in (*node.inputs, *node.outputs)]
    library = [kernel.library.digest] if kernel.library is not None else []
    parts = [environment, text, kernel.symbol, repr(node.op), *library, *types]
    arrays: list[Array] = [v.data for v in node.inputs if v.data is not None]
    packed = sorted(kernel.packed(node).items())
    arrays += [p.data for _, p in packed if p.data is not None]
    params = sorted(kernel.params(node).items())
    parts += [f"{name} {v}" for name, v in params if not isinstance(v, np.ndarray)]
    arrays += [v for _, v in params if isinstance(v, np.ndarray)]
    sources = [source_path(kernel), *headers, *sorted((ROOT / "include").glob("*.h"))]
    return _digest([*(p.encode() for p in parts), *(_code(p) for p in sources), *(_bytes(a) for a in arrays)])


def graph_key(graph: Graph) -> str:
    """The lowered graph: its text and the bytes of its constants."""
    types = [f"{v.type} {v.type.quant}".encode() for v in graph.values()]
    constants = [_bytes(v.data) for v in graph.values() if v.data is not None]
    ops = [repr(n.op).encode() for n in graph.nodes]
    return _digest([format_graph(graph).encode("utf-8", "surrogateescape"), *types, *ops, *constants])


@cache
def kernels_key() -> str:
    """The C of every kernel, and the Python that packs for them."""
    return _digest(_code(p) for p in sorted(ROOT.rglob("*")) if p.suffix in (".c", ".h", ".py", ".toml"))


def _model_files() -> list[Path]:
    return [p for folder in ("profile", "sim") for p in sorted((ROOT.parent / folder).glob("*.py"))]


@cache
def _code(path: Path) -> bytes:
    return path.name.encode() + b"\0" + path.read_bytes()


def _bytes(a: Array) -> bytes:
    return f"{a.dtype}{a.shape}".encode() + np.ascontiguousarray(a).tobytes()


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()
