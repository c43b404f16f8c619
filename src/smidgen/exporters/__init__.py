# SPDX-License-Identifier: Apache-2.0
"""Graphs as files that other tools read."""

from smidgen.exporters.onnx_qdq import to_onnx

__all__ = ["to_onnx"]
