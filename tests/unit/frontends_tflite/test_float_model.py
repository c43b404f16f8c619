# SPDX-License-Identifier: Apache-2.0
"""A float model gets one message for all of it."""

from __future__ import annotations

import pytest

from smidgen.errors import UnsupportedModel
from smidgen.frontends import load_bytes
from tests.shared import SHARED, needs_shared


@needs_shared
@pytest.mark.parametrize("model", ["ad01", "ic01", "kws01", "sww01", "vww01"])
def test_a_float_model_is_one_finding(model: str) -> None:
    data = (SHARED / f"zoo/{model}/{model}_fp32.tflite").read_bytes()
    with pytest.raises(UnsupportedModel, match=r"it is float32, no tensor is quantised.*representative data set") as e:
        load_bytes(data, model, f"{model}_fp32.tflite")
    assert [f.op for f in e.value.findings] == ["model"]
