# SPDX-License-Identifier: Apache-2.0
"""Measured code and stack bytes of every kernel, for sizes before anything is built."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from smidgen.ir import Node
from smidgen.kernels.kernel import Kernel

PROVENANCE = "kernel sizes measured once with zig cc -O3 for cortex-m4f"
_FILE = Path(__file__).parent / "footprint.toml"
_UNKNOWN_CODE_BYTES = 2048  # a kernel newer than the table: a cautious guess
_UNKNOWN_STACK_BYTES = 256


@cache
def _table() -> dict[str, dict[str, int]]:
    with _FILE.open("rb") as stream:
        return tomllib.load(stream)


def code_bytes(symbol: str) -> int:
    """Flash bytes of a kernel's code and constants."""
    return _table().get(symbol, {}).get("code_bytes", _UNKNOWN_CODE_BYTES)


def stack_bytes(symbol: str) -> int:
    """Deepest stack of one call."""
    return _table().get(symbol, {}).get("stack_bytes", _UNKNOWN_STACK_BYTES)


def of(kernel: Kernel, node: Node) -> tuple[int, int]:
    """(code bytes, stack bytes) of the function that computes ``node``."""
    if kernel.footprint is not None:
        return kernel.footprint(node)
    return code_bytes(kernel.symbol), stack_bytes(kernel.symbol)


def run_code_bytes(steps: int) -> int:
    """Code of a run function of so many calls, with its parameter structs' addresses and the copies."""
    return _table()["run"]["base_code_bytes"] + steps * _table()["run"]["step_code_bytes"]


def run_stack_bytes() -> int:
    """Stack of the run function and its caller's frame."""
    return _table()["run"]["stack_bytes"]
