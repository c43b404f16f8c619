# SPDX-License-Identifier: Apache-2.0
"""A user's metric: what it is given, and what is said of each way it can fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smidgen.errors import InvalidInput, UsageError
from smidgen.quantize.data import Samples
from smidgen.quantize.metrics import Truth
from smidgen.quantize.user_metric import find_metric, metric_words

SCORES = np.array([[1.0, 2], [2, 1]], np.float32)
TRUTH = Truth(Samples("d.npz", (SCORES,), np.array([1, 1])), (SCORES,))


def write(path: Path, body: str) -> str:
    (path / "mine.py").write_text(f"import numpy as np\n{body}\n", encoding="utf-8")
    return f"{path}/mine.py:metric"


def test_it_is_called_with_outputs_and_labels(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("FACTOR = 2\n", encoding="utf-8")
    body = (
        "import beside\ndef metric(outputs, labels):\n    return beside.FACTOR * (outputs.argmax(1) == labels).mean()"
    )
    metric = find_metric(write(tmp_path, body))
    assert metric.score((SCORES,), TRUTH) == 1.0
    assert metric.drop(1.0, 0.75) == 0.25
    assert not (tmp_path / "__pycache__" / "mine.pyc").exists()
    several = find_metric(write(tmp_path, "def metric(outputs, labels):\n    return len(outputs)"))
    assert several.score((SCORES, SCORES), TRUTH) == 2.0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("def metric(o, y):\n    x = 1\n    return o[5, 5]", r"failed: line 4 \(return o\[5, 5\]\): IndexError"),
        ("def metric(o, y):\n    raise SystemExit(3)", r"line 3 \(raise SystemExit\(3\)\): SystemExit: 3"),
        ("def metric(o, y):\n    return float('nan')", "returned NaN: that cannot be compared"),
        ("def metric(o, y):\n    return float('-inf')", "returned -inf: that cannot be compared"),
        ("def metric(o, y):\n    return 10**400", "returned an integer too large for a float"),
        ("def metric(o, y):\n    return 'good'", "returned str 'good', not one number"),
        ("def metric(o, y):\n    return o", "returned ndarray .*, not one number"),
        ("def metric(o):\n    return 1", r"TypeError.*called with outputs \[2, 2\] and labels int64\[2\]"),
    ],
)
def test_failures_while_it_runs(body: str, text: str, tmp_path: Path) -> None:
    metric = find_metric(write(tmp_path, body))
    with pytest.raises(InvalidInput, match=text):
        metric.score((SCORES,), TRUTH)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("def metric(o, y):\nreturn 1", "cannot be run: line 3: SyntaxError"),
        ("raise ValueError('no')", r"cannot be run: line 2 \(raise ValueError\('no'\)\): ValueError: no"),
        ("def other(o, y):\n    return 1", "has no function 'metric'; it has other"),
    ],
)
def test_failures_before(body: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=text):
        find_metric(write(tmp_path, body))


def test_what_it_prints_is_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metric = find_metric(write(tmp_path, "print('loaded')\ndef metric(o, y):\n    print('called')\n    return 1.0"))
    assert metric.score((SCORES,), TRUTH) == 1.0
    out, err = capsys.readouterr()
    assert (out, err) == ("", "loaded\ncalled\n"), "--json has stdout for itself"


def test_names() -> None:
    assert find_metric("auc").name == "auc"
    with pytest.raises(UsageError, match="no metric 'accuracy'; there are top1, auc, f1, ad-auc, mse, sqnr, agreement"):
        find_metric("accuracy")
    with pytest.raises(UsageError, match=r"no such file"):
        find_metric("absent.py:metric")


def test_a_numpy_scalar_is_a_number(tmp_path: Path) -> None:
    text = write(tmp_path, "def metric(o, y):\n    o[:] = 0\n    return np.float32(0.5)")
    assert find_metric(text).score((SCORES,), TRUTH) == 0.5
    assert SCORES.any(), "what it is given is its own copy"
    assert metric_words(text)[1].startswith("import numpy")
    assert metric_words("auc") == ("auc",)
