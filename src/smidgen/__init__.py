# SPDX-License-Identifier: Apache-2.0
"""smidgen: a trained network in, plain C for a microcontroller out, proven and costed.

>>> import smidgen
>>> compiled = smidgen.compile("kws", target="nucleo-l4r5zi")
>>> smidgen.verify(compiled, cases=1).mismatches
0
"""

from smidgen import errors
from smidgen.compiler import Compiled, compile, load, profile, run, verify
from smidgen.errors import SmidgenError
from smidgen.ir import Graph
from smidgen.quantization import QuantizedModel, quantize
from smidgen.quantize.recipe import Recipe
from smidgen.report import ProfileReport
from smidgen.targets import Target, list_targets, load_target
from smidgen.verify import Verification

__all__ = [
    "Compiled",
    "Graph",
    "ProfileReport",
    "QuantizedModel",
    "Recipe",
    "SmidgenError",
    "Target",
    "Verification",
    "compile",
    "errors",
    "list_targets",
    "load",
    "load_target",
    "profile",
    "quantize",
    "run",
    "verify",
]
