# SPDX-License-Identifier: Apache-2.0
"""The two lists of passes, in order: before quantization is made integer, and after."""

from smidgen.transforms.check_accumulators import check_accumulators
from smidgen.transforms.drop_dead_channels import drop_dead_channels
from smidgen.transforms.drop_dead_nodes import drop_dead_nodes
from smidgen.transforms.drop_identity import drop_identity
from smidgen.transforms.drop_real_identity import drop_real_identity
from smidgen.transforms.fold_affine import fold_affine
from smidgen.transforms.fold_constants import fold_constants, fold_real_constants
from smidgen.transforms.fuse_activation import fuse_activation, fuse_real_activation
from smidgen.transforms.fuse_bias import fuse_bias
from smidgen.transforms.fuse_curves import fuse_curves
from smidgen.transforms.fuse_pad import fuse_pad, fuse_real_pad
from smidgen.transforms.hoist_transposes import hoist_transposes
from smidgen.transforms.keep_halves import keep_halves
from smidgen.transforms.lower_to_lookup import lower_to_lookup
from smidgen.transforms.merge_reshapes import merge_reshapes
from smidgen.transforms.note_macs import note_macs
from smidgen.transforms.pass_ import Pass
from smidgen.transforms.permute_dense_weights import permute_dense_weights, permute_real_dense_weights
from smidgen.transforms.sink_reshapes import sink_reshapes
from smidgen.transforms.sink_transposes import sink_transposes, sink_transposes_through_dequantize

_CLEAN = (
    Pass("merge-reshapes", merge_reshapes, "imported", "imported"),
    Pass("drop-identity", drop_identity, "imported", "imported"),
    Pass("drop-real-identity", drop_real_identity, "imported", "imported"),
    Pass("drop-dead-nodes", drop_dead_nodes, "imported", "imported"),
)

FLOAT: tuple[Pass, ...] = (
    Pass("drop-dead-nodes", drop_dead_nodes, "imported", "imported"),
    Pass("fold-real-constants", fold_real_constants, "imported", "imported"),
    Pass("sink-transposes", sink_transposes_through_dequantize, "imported", "imported"),
    *_CLEAN,
    Pass("sink-reshapes", sink_reshapes, "imported", "imported"),
    Pass("hoist-transposes", hoist_transposes, "imported", "imported"),
    *_CLEAN,
    Pass("fuse-curves", fuse_curves, "imported", "imported", exact=False),  # another formula of the same function
    Pass("fuse-pad", fuse_real_pad, "imported", "imported"),
    Pass("fuse-bias", fuse_bias, "imported", "imported", exact=False),  # a sum begins with its bias
    Pass("permute-dense-weights", permute_real_dense_weights, "imported", "imported", exact=False),  # order of sums
    Pass("fold-affine", fold_affine, "imported", "imported", exact=False),  # weights are rounded after scaling
    Pass("fuse-pad", fuse_real_pad, "imported", "imported"),  # what a product stood between
    Pass("sink-reshapes", sink_reshapes, "imported", "imported"),
    *_CLEAN,
    Pass("fuse-real-activation", fuse_real_activation, "imported", "imported"),
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
    Pass("keep-halves", keep_halves),
    Pass("lower-to-lookup", lower_to_lookup, makes="lowered"),
)
"""Integer graphs, down to ops that all have kernels."""
