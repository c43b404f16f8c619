# SPDX-License-Identifier: Apache-2.0
"""Between float32 and int8, at a model's edges."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import double_rounding, even_rounding
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Dequantize, Quantize
from smidgen.targets.target import Core

S16_QUANTIZE_CYCLES, S16_DEQUANTIZE_CYCLES = 70.0, 15.0  # modelled on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3
SCALAR_CYCLES = 40.0  # estimated from the instructions of the loop, not fitted


def to_int8(node: Node) -> bool:
    """The output is int8 with one scale"""
    quant = node.output.type.quant
    return node.output.type.dtype == "int8" and quant is not None and quant.axis is None


def from_int8(node: Node) -> bool:
    """The input is int8 with one scale"""
    x = node["x"].type
    return x.dtype == "int8" and x.quant is not None and x.quant.axis is None


def to_int16(node: Node) -> bool:
    """The output is int16"""
    return node.output.type.dtype == "int16"


def from_int16(node: Node) -> bool:
    """The input is int16"""
    return node["x"].type.dtype == "int16"


def quantize_params(node: Node) -> Mapping[str, ParamValue]:
    y = node.output.type
    return {"count": y.elements, "zero_point": y.zero_point, "scale": y.scale}


def dequantize_params(node: Node) -> Mapping[str, ParamValue]:
    x = node["x"].type
    return {"count": x.elements, "zero_point": x.zero_point, "scale": x.scale}


def scalar_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * SCALAR_CYCLES


def s16_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * (S16_QUANTIZE_CYCLES if isinstance(node.op, Quantize) else S16_DEQUANTIZE_CYCLES)


KERNELS = (
    Kernel("smg_quantize_s8_scalar", "quantize", "quantize", Quantize, scalar_cost, quantize_params,
           requires=(double_rounding, to_int8), includes=("smg_quantize_scalar.inc.h",)),
    Kernel("smg_quantize_s8rne_scalar", "quantize", "quantize", Quantize, scalar_cost, quantize_params,
           requires=(even_rounding, to_int8), includes=("smg_quantize_scalar.inc.h",)),
    Kernel("smg_dequantize_s8_scalar", "quantize", "dequantize", Dequantize, scalar_cost, dequantize_params,
           requires=(from_int8,)),
    Kernel("smg_quantize_s16rne_scalar", "quantize", "quantize_s16", Quantize, s16_cost, quantize_params,
           requires=(even_rounding, to_int16)),
    Kernel("smg_dequantize_s16_scalar", "quantize", "dequantize_s16", Dequantize, s16_cost, dequantize_params,
           requires=(from_int16,)),
)  # fmt: skip
