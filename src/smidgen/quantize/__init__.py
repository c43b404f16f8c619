# SPDX-License-Identifier: Apache-2.0
"""Float graphs with Quantize and Dequantize to integer graphs."""

from smidgen.quantize.integerize import integerize

__all__ = ["integerize"]
