# SPDX-License-Identifier: Apache-2.0
"""Graph to graph: one pass a file, the pipelines are tuples in pipeline.py."""

from smidgen.transforms.pass_ import Pass, run_pipeline
from smidgen.transforms.pipeline import FLOAT, INTEGER
from smidgen.transforms.stream import Stream, stream

__all__ = ["FLOAT", "INTEGER", "Pass", "Stream", "run_pipeline", "stream"]
