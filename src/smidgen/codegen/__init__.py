# SPDX-License-Identifier: Apache-2.0
"""Schedule to C sources: calls and constants, never logic; knows no op."""

from smidgen.codegen.documents import Origin
from smidgen.codegen.emit import emit
from smidgen.codegen.memory import Memory, memory_of
from smidgen.codegen.sources import Sources

__all__ = ["Memory", "Origin", "Sources", "emit", "memory_of"]
