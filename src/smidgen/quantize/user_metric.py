# SPDX-License-Identifier: Apache-2.0
"""A metric that the user wrote: ``metric(outputs, labels) -> float`` in a Python file."""

from __future__ import annotations

import importlib.util
import math
import numbers
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from smidgen.errors import InvalidInput, UsageError
from smidgen.quantize.metrics import METRICS, Metric, Outputs, Truth

_Function = Callable[[Any, Any], Any]  # Any: the user's code


def find_metric(text: str) -> Metric:
    """A metric by name, or ``path.py:function``. UsageError if there is none, or its file cannot be run."""
    if found := next((m for m in METRICS if m.name == text), None):
        return found
    path, separator, function = text.rpartition(":")
    if not separator or not path.endswith(".py") or not function:
        names = ", ".join(m.name for m in METRICS)
        raise UsageError(f"no metric {text!r}; there are {names}, or your own as path.py:function")
    return user_metric(Path(path), function)


def user_metric(path: Path, function: str) -> Metric:
    """``function(outputs, labels)``: a higher result is better, drops are in its own numbers.

    ``outputs`` is a float32 array (samples, *shape), a list of them for several outputs; ``labels`` as in the data,
    None without. Raises UsageError unless the file runs and has it.
    """
    module = _run(path)
    found = getattr(module, function, None)
    if not callable(found):
        have = ", ".join(sorted(k for k, v in vars(module).items() if callable(v) and not k.startswith("_")))
        raise UsageError(f"{path} has no function {function!r}; it has {have or 'none'}")
    return Metric(function, f"{function} ({path.name})", "", _guarded(found, path, function))


def _run(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"metric file {path}: {'not a file' if path.exists() else 'no such file'}. Check the path")
    specification = importlib.util.spec_from_file_location(f"_smidgen_metric_{path.stem}", path)
    if specification is None or specification.loader is None:
        raise UsageError(f"{path} cannot be run as Python")
    module = importlib.util.module_from_spec(specification)
    kept = sys.dont_write_bytecode, list(sys.path)
    sys.dont_write_bytecode = True  # no __pycache__ beside the user's file
    sys.path.insert(0, str(path.resolve().parent))  # as python would: its own modules lie there
    try:
        with redirect_stdout(sys.stderr):
            specification.loader.exec_module(module)
    except (Exception, SystemExit) as e:
        raise UsageError(f"{path} cannot be run: {_told(e, path)}") from e
    finally:
        sys.dont_write_bytecode, sys.path[:] = kept
    return module


def _told(e: BaseException, path: Path) -> str:
    """An exception with the user's own line: that of the innermost frame in their file."""
    if isinstance(e, SyntaxError):
        return f"line {e.lineno}: SyntaxError: {e.msg}"
    frames = [f for f in traceback.extract_tb(e.__traceback__) if Path(f.filename).resolve() == path.resolve()]
    where = f"line {frames[-1].lineno} ({frames[-1].line}): " if frames else ""
    return f"{where}{type(e).__name__}: {e}"


def _guarded(function: _Function, path: Path, name: str) -> Callable[[Outputs, Truth], float]:
    def score(outputs: Outputs, truth: Truth) -> float:
        given = [o.copy() for o in outputs]
        labels = truth.samples.labels
        try:
            with redirect_stdout(sys.stderr):  # stdout is for results
                result = function(given[0] if len(given) == 1 else given, None if labels is None else labels.copy())
        except (Exception, SystemExit) as e:
            shapes = ", ".join(str(list(o.shape)) for o in outputs)
            kind = "None" if labels is None else f"{labels.dtype}{list(labels.shape)}"
            raise InvalidInput(
                f"metric {name} of {path} failed: {_told(e, path)}. "
                f"It was called with outputs {shapes} and labels {kind}"
            ) from e
        return _number(result, path, name)

    return score


def _number(result: object, path: Path, name: str) -> float:
    if getattr(result, "shape", None) in ((), (1,)) and hasattr(result, "item"):
        result = result.item()
    if not isinstance(result, numbers.Real):
        shown = f"{type(result).__name__} {' '.join(repr(result).split()):.60}"
        raise InvalidInput(f"metric {name} of {path} returned {shown}, not one number")
    try:
        value = float(result)
    except OverflowError as e:
        raise InvalidInput(f"metric {name} of {path} returned an integer too large for a float. Scale it") from e
    if not math.isfinite(value):
        shown = "NaN" if math.isnan(value) else f"{value:g}"
        raise InvalidInput(f"metric {name} of {path} returned {shown}: that cannot be compared. Return a finite number")
    return value


def metric_words(text: str | None) -> tuple[str, ...]:
    """What a metric's values depend on besides the data: its name, and its file's text."""
    if text is None:
        return ()
    path = Path(text.rpartition(":")[0])
    return (text, path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else (text,)
