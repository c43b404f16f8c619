# SPDX-License-Identifier: Apache-2.0
"""The description of a system: systems/<system>.json, its keys and what is to be in them.

From system_description_template.json of github.com/mlcommons/tiny_results_v1.2, which gives the five software keys
twice, the second time with `Operating System ` (a space at its end): either spelling counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.mlperf.submission.layout import Context, Submission
from smidgen.mlperf.submission.rounds import CATEGORIES, TO_FILL
from smidgen.mlperf.submission.tree import Entry, Unreadable, read_json

KEYS = (
    "Submitter",
    "Division",
    "Status",
    "Board Name",
    "Board Memory capacity (not including SoC, processor, or accelerator)",
    "Board Memory type",
    "Board storage capacity",
    "Board storage type",
    "SoC Name",
    "SoC Memory capacity (not including processor or accelerator)",
    "SoC Memory type",
    "SoC storage capacity",
    "SoC storage type",
    "Processor(s) Name",
    "Processor(s) Frequencies",
    "Processor memory type and capacity",
    "Processor storage type and capacity",
    "Accelerator",
    "Accelerator(s) Frequencies",
    "Accelerator memory type and capacity",
    "Accelerator storage type and capacity",
    "Hardware Notes",
    "Inference Framework",
    "Software Libraries",
    "Operating System",
    "Other Software Stack",
    "Software Notes",
    "Quantization Method",
    "Training framework (open division)",
    "ML Model Compiler(s)",
    "General Compiler(s)",
    "Other Software",
    "Training and Quantization Notes",
)
"""The template's keys; its 34th is `Operating System ` with a space."""

REPORTED = ("Submitter", "Division", "Status", "Board Name", "Processor(s) Name", "Processor(s) Frequencies")
"""Never empty in a report that makes sense."""

OPEN_ONLY = "Training framework (open division)"
WATERMARK = "MODELLED ON A VIRTUAL BOARD, NOT MEASURED"
"""What smidgen submit writes into every description of a rehearsal."""


@dataclass(frozen=True, slots=True)
class System:
    """A description as read; ``values`` by key without spaces at the ends, as text."""

    path: str
    values: Mapping[str, str]
    status: str

    def value(self, key: str) -> str:
        return self.values.get(key, "")


def check_system(c: Context, s: Submission, system: str) -> System | None:
    """The description of a system in results/; None where there is none to speak of."""
    entry = _find(s, system)
    if entry is None:
        wanted = f"{s.entry.path}/systems/{system.rpartition('/')[2]}.json"
        c.findings.add("system-missing", wanted, f"no description of {system}{_alike(s, system)}")
        return None
    try:
        value = read_json(c.root, entry)
    except Unreadable as e:
        c.findings.add("system-broken", entry.path, str(e))
        return None
    if not isinstance(value, dict):
        c.findings.add("system-broken", entry.path, f"{type(value).__name__} instead of an object")
        return None
    return _checked(c, s, entry, {str(k): v for k, v in value.items()})


def _find(s: Submission, system: str) -> Entry | None:
    """systems/<system>.json; of a nested system a/b also b.json and a.json, which a human would find."""
    folder = s.entry.folder("systems")
    if folder is None:
        return None
    for name in (system, *reversed(system.split("/"))) if "/" in system else (system,):
        if (entry := folder.file(f"{name}.json")) is not None:
            return entry
    return None


def _alike(s: Submission, system: str) -> str:
    folder = s.entry.folder("systems")
    wanted = _bare(system)
    alike = [f.name for f in folder.files if _bare(f.name.removesuffix(".json")) == wanted] if folder else []
    return f" (but {', '.join(alike)})" if alike else ""


def _bare(name: str) -> str:
    return "".join(ch for ch in name.lower() if ch.isalnum())


def _checked(c: Context, s: Submission, entry: Entry, found: Mapping[str, object]) -> System:
    values = {key.strip(): _text(value) for key, value in found.items()}
    _check_keys(c, s, entry.path, found, values)
    status = found.get("Status")
    if not isinstance(status, str) or status.lower() not in CATEGORIES:
        c.findings.add("system-status", entry.path, f"Status is {status!r}")
    if found.get("system_type") is not None:
        c.findings.add("system-type", entry.path, f"system_type is {found['system_type']!r}")
    division = values.get("Division", "")
    if division and division.lower() != s.division:
        c.findings.add("system-division", entry.path, f"Division is {division!r}, but it lies in {s.division}/")
    submitter = values.get("Submitter", "")
    if submitter and _bare(submitter) != _bare(s.submitter):
        c.findings.add("system-submitter", entry.path, f"Submitter is {submitter!r}, the folder {s.submitter!r}")
    if any(WATERMARK in v for v in values.values()):
        c.findings.add("modelled", entry.path, "the description says that the results are modelled")
    return System(entry.path, values, status if isinstance(status, str) else "")


def _check_keys(c: Context, s: Submission, path: str, found: Mapping[str, object], values: Mapping[str, str]) -> None:
    for key in KEYS:
        if key not in values:
            optional = key == OPEN_ONLY and s.closed
            c.findings.add("system-key-missing", path, f"no key {key!r}", severity="note" if optional else None)
    for key in REPORTED:
        if key in values and not values[key].strip():
            c.findings.add("system-value-empty", path, f"{key!r} is empty")
    unfinished = [key for key in KEYS if TO_FILL in values.get(key, "")]
    if unfinished:
        c.findings.add("system-unfinished", path, f"{len(unfinished)} keys {TO_FILL}: {', '.join(unfinished)}")
    for key, value in found.items():
        if key.strip() not in KEYS:
            if key != "system_type":
                c.findings.add("system-key-unknown", path, f"key {key!r}")
        elif not isinstance(value, str):
            c.findings.add("system-value-type", path, f"{key!r} is {_kind(value)}, not text")


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
