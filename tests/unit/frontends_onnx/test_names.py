# SPDX-License-Identifier: Apache-2.0
"""Value names."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from smidgen.ir.names import Names


@given(st.lists(st.text(max_size=80), max_size=30))
def test_names_are_unique_short_identifiers(wanted: list[str]) -> None:
    names = Names()
    given_out = [names.fresh(w) for w in wanted]
    assert len(set(given_out)) == len(given_out)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,55}", n) for n in given_out)


def test_names_keep_what_they_can() -> None:
    names = Names(["x"])
    assert [names.fresh(w) for w in ("x", "x", "conv/BiasAdd:0", "7", ";")] == [
        "x_2",
        "x_3",
        "conv_BiasAdd_0",
        "v7",
        "value",
    ]
