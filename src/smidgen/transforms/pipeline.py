# SPDX-License-Identifier: Apache-2.0
"""The two lists of passes, in order: before quantization is made integer, and after."""

from smidgen.transforms.check_accumulators import check_accumulators
from smidgen.transforms.drop_dead_channels import drop_dead_channels
from smidgen.transforms.drop_dead_nodes import drop_dead_nodes
from smidgen.transforms.drop_identity import drop_identity
from smidgen.transforms.fold_constants import fold_constants
from smidgen.transforms.fuse_activation import fuse_activation
from smidgen.transforms.fuse_bias import fuse_bias
from smidgen.transforms.fuse_pad import fuse_pad
from smidgen.transforms.lower_to_lookup import lower_to_lookup
from smidgen.transforms.merge_reshapes import merge_reshapes
from smidgen.transforms.note_macs import note_macs
from smidgen.transforms.pass_ import Pass
from smidgen.transforms.permute_dense_weights import permute_dense_weights
from smidgen.transforms.sink_transposes import sink_transposes, sink_transposes_through_dequantize

FLOAT: tuple[Pass, ...] = (
    Pass("drop-dead-nodes", drop_dead_nodes, "imported", "imported"),
    Pass("sink-transposes", sink_transposes_through_dequantize, "imported", "imported"),
    Pass("merge-reshapes", merge_reshapes, "imported", "imported"),
    Pass("drop-identity", drop_identity, "imported", "imported"),
    Pass("fuse-bias", fuse_bias, "imported", "imported"),
    Pass("drop-dead-nodes", drop_dead_nodes, "imported", "imported"),
)
"""Imported graphs that compute in floats (float models and ONNX QDQ), before they are quantised or integerized."""

INTEGER: tuple[Pass, ...] = (
    Pass("note-macs", note_macs),
    Pass("fold-constants", fold_constants),
    Pass("drop-dead-nodes", drop_dead_nodes),
    Pass("drop-identity", drop_identity),
    Pass("sink-transposes", sink_transposes),
    Pass("permute-dense-weights", permute_dense_weights),
    Pass("merge-reshapes", merge_reshapes),
    Pass("drop-identity", drop_identity),
    Pass("drop-dead-nodes", drop_dead_nodes),
    Pass("fuse-activation", fuse_activation),
    Pass("fuse-pad", fuse_pad),
    Pass("check-accumulators", check_accumulators),
    Pass("drop-dead-channels", drop_dead_channels),
    Pass("lower-to-lookup", lower_to_lookup, makes="lowered"),
)
"""Integer graphs, down to ops that all have kernels."""
