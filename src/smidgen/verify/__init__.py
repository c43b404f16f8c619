# SPDX-License-Identifier: Apache-2.0
"""Image against reference, byte for byte."""

from smidgen.verify.compare import Divergence, Verification, verify_image, verify_stream
from smidgen.verify.inputs import load_inputs, random_inputs

__all__ = ["Divergence", "Verification", "load_inputs", "random_inputs", "verify_image", "verify_stream"]
