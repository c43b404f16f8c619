# SPDX-License-Identifier: Apache-2.0
"""Depthwise layers that can be computed four channels at a time."""

from __future__ import annotations

from smidgen.ir import Node


def one_to_one(node: Node) -> bool:
    """Each input channel makes one output channel"""
    return node["x"].type.shape[3] == node["w"].type.shape[2]


def four_channels(node: Node) -> bool:
    """There are at least four channels"""
    return node["w"].type.shape[2] >= 4
