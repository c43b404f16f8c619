# SPDX-License-Identifier: Apache-2.0
"""The C function that computes a node: a kernel's own, or an instance of a kernel whose shape is fixed by constants."""

from __future__ import annotations

from smidgen.ir import Node
from smidgen.kernels.kernel import Kernel, source_path


def function_name(kernel: Kernel, node: Node) -> str:
    """The kernel's symbol, followed by the values of the node's constants; -3 is written m3."""
    if kernel.constants is None:
        return kernel.symbol
    values = (f"m{-v}" if v < 0 else str(v) for v in kernel.constants(node).values())
    return "_".join((kernel.symbol, *values))


def function_file(kernel: Kernel, node: Node) -> tuple[str, str]:
    """Name and text of the C file with that function. Layers with equal constants share it."""
    path, name = source_path(kernel), function_name(kernel, node)
    if kernel.constants is None:
        return path.name, path.read_text(encoding="utf-8")
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        f"/* {kernel.symbol} for one shape: equal layers share this function. */",
        f"#define SMG_FUNCTION {name}",
        *(f"#define {macro} {value}" for macro, value in kernel.constants(node).items()),
        f'#include "{path.name}"',
    ]
    return f"{name}.c", "\n".join(lines) + "\n"
