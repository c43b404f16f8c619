# SPDX-License-Identifier: Apache-2.0
"""Schedule to C sources: calls and constants, never logic; knows no op."""

from smidgen.codegen.emit import Memory, Origin, emit, memory_of
from smidgen.codegen.sources import Sources

__all__ = ["Memory", "Origin", "Sources", "emit", "memory_of"]
