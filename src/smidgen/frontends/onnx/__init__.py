# SPDX-License-Identifier: Apache-2.0
"""ONNX models, plain float32 or quantised in QDQ format."""

from smidgen.frontends.onnx.reader import read_onnx

__all__ = ["read_onnx"]
