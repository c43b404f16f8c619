# SPDX-License-Identifier: Apache-2.0
"""Float graphs with Quantize and Dequantize to integer graphs."""

from smidgen.quantize.integerize import find_unquantized, integerize

__all__ = ["find_unquantized", "integerize"]
