# SPDX-License-Identifier: Apache-2.0
"""Fills in a system's description: what the target knows, then what the user says."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from smidgen.errors import InvalidInput, UsageError
from smidgen.mlperf.submission.checklist import QUESTIONS
from smidgen.mlperf.submission.rounds import TO_FILL
from smidgen.mlperf.submission.system import KEYS, OPEN_ONLY, WATERMARK
from smidgen.targets import Target

NOT_APPLICABLE = (
    "Board Memory capacity (not including SoC, processor, or accelerator)",
    "Board Memory type",
    "Board storage capacity",
    "Board storage type",
    "Processor memory type and capacity",
    "Processor storage type and capacity",
    "Accelerator",
    "Accelerator(s) Frequencies",
    "Accelerator memory type and capacity",
    "Accelerator storage type and capacity",
    "Hardware Notes",
    "Other Software Stack",
    "Software Notes",
    "Other Software",
)
"""Keys that are empty unless the user says something: a microcontroller has its memory in the SoC."""

_WATERMARKED = ("Hardware Notes", "Software Notes")


@dataclass(frozen=True, slots=True)
class Details:
    """What the user says: values of the description by key, answers of the checklist by question."""

    description: Mapping[str, str]
    checklist: Mapping[str, str]


def read_details(path: Path) -> Details:
    """A details.toml with tables [description] and [checklist]; InvalidInput for one that does not hold those."""
    try:
        if path.exists() and not path.is_file():
            raise InvalidInput(f"{path}: no regular file. smidgen submit --template writes one to fill")
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise InvalidInput(f"{path}: cannot be read: {e.strerror}. smidgen submit --template writes one to fill") from e
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as e:
        raise InvalidInput(f"{path}: cannot be read as TOML: {e}. smidgen submit --template writes one to fill") from e
    known = {"description": KEYS, "checklist": tuple(q.name for q in QUESTIONS)}
    for name, table in found.items():
        if name not in known or not isinstance(table, dict):
            raise InvalidInput(f"{path}: {name!r} is not a table [description] or [checklist]")
        for key, value in table.items():
            _check_key(key, known[name], f"{path}, [{name}]")
            if not isinstance(value, str):
                raise InvalidInput(f"{path}, [{name}]: {key!r} is not text: put its value in quotes")
    return Details(found.get("description", {}), found.get("checklist", {}))


def parse_settings(settings: tuple[str, ...]) -> dict[str, str]:
    """--set KEY=VALUE options as values of the description. UsageError for a key that the template lacks."""
    pairs = [s.partition("=") for s in settings]
    for key, separator, _ in pairs:
        if not separator:
            raise UsageError(f"--set takes KEY=VALUE, got {key!r}")
        _check_key(key, KEYS, "--set")
    return {key: value for key, _, value in pairs}


def _check_key(key: str, known: tuple[str, ...], where: str) -> None:
    if key not in known:
        near = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known[:4])}, ... (--template)"
        raise UsageError(f"{where}: no key {key!r}; {hint}")


def describe(
    submitter: str, division: str, status: str, target: Target | None, said: Mapping[str, str], modelled: bool
) -> dict[str, str]:
    """All keys of the template, in its order; what nobody knows is TO FILL."""
    known = {"Submitter": submitter, "Division": division.capitalize(), "Status": _status(status)}
    known |= _software() | (_hardware(target) if target else {}) | dict.fromkeys(NOT_APPLICABLE, "")
    if division == "closed":
        known[OPEN_ONLY] = "N/A (closed)"
    values = {key: TO_FILL for key in KEYS} | known | {key: value for key, value in said.items() if value}
    if modelled:
        for key in _WATERMARKED:
            values[key] = f"{WATERMARK}. {values[key]}".strip()
    ordered = {key: values[key] for key in KEYS}
    return ordered | {"Operating System ": ordered["Operating System"]}  # the template has both spellings


def missing(values: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that are still to be filled in."""
    return tuple(key for key, value in values.items() if TO_FILL in value and key in KEYS)


def _status(status: str) -> str:
    return "RDI" if status == "rdi" else status.capitalize()


def _software() -> dict[str, str]:
    return {
        "Inference Framework": f"smidgen {_version()}",
        "Software Libraries": "none: plain C generated for the model",
        "Operating System": "bare metal",
        "ML Model Compiler(s)": f"smidgen {_version()}",
    }


def _version() -> str:
    try:
        return version("smidgen")
    except PackageNotFoundError:
        return "(not installed)"


def _hardware(target: Target) -> dict[str, str]:
    sram = sum(r.size_bytes for r in target.regions if r.kind == "sram" and r.alias is None)
    flash = sum(r.size_bytes for r in target.regions if r.kind == "flash")
    return {
        "Board Name": target.title,
        "SoC Memory capacity (not including processor or accelerator)": f"{sram // 1024} KB",
        "SoC Memory type": "SRAM",
        "SoC storage capacity": f"{flash // 1024} KB",
        "SoC storage type": "flash",
        "Processor(s) Name": target.core.title,
        "Processor(s) Frequencies": f"{target.clock_hz / 1e6:g} MHz",
    }


def template() -> str:
    """A details.toml with every key and question, to be filled in."""
    lines = ["# What `smidgen submit --details` cannot know. Delete what it can.", "", "[description]"]
    lines += [f'"{key}" = ""' for key in KEYS if key not in ("Submitter", "Division", "Status")]
    lines += ["", "[checklist]"]
    for q in QUESTIONS:
        lines += [f"# {q.text}", f'{q.name} = ""']
    return "\n".join(lines) + "\n"
