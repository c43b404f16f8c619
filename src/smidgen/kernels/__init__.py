# SPDX-License-Identifier: Apache-2.0
"""Which C function can compute a node, and which one should.

A kernel family is a folder: real C sources and an ``__init__.py`` that lists their Kernel records.
"""

from smidgen.kernels.instance import function_file, function_name
from smidgen.kernels.kernel import Choice, Kernel, Packed, admissible, source_path

__all__ = ["Choice", "Kernel", "Packed", "admissible", "function_file", "function_name", "source_path"]
