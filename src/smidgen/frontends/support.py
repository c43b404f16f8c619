# SPDX-License-Identifier: Apache-2.0
"""How frontends report everything they cannot take, at once."""

from __future__ import annotations

from collections.abc import Sequence

from smidgen.errors import Finding, UnsupportedModel

_SHOWN = 10


def unsupported(source: str, findings: Sequence[Finding]) -> UnsupportedModel:
    """One error for all findings of a model; the message lists the first ten."""
    lines = [f"\n  {f.node}: {f.op}: {f.reason}. {f.remedy}" for f in findings[:_SHOWN]]
    more = f"\n  ... and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
    return UnsupportedModel(f"{source} uses what smidgen does not support:{''.join(lines)}{more}", findings)
