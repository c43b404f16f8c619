# SPDX-License-Identifier: Apache-2.0
"""Checks that the documents and the code that go with results are there."""

from __future__ import annotations

from collections.abc import Collection

from smidgen.mlperf.submission.layout import Context, Submission
from smidgen.mlperf.submission.rounds import TO_FILL
from smidgen.mlperf.submission.tree import Entry, Unreadable, read_text

_HOOKUP = ("hookup", "energysetup")
_TEXTS = (".md", ".html", ".txt")


def check_documents(c: Context, s: Submission, systems: Collection[str], energy: bool) -> None:
    """The checklist, the energy hookup where energy was measured, the code; descriptions that nothing uses."""
    folder = s.entry.children.get("systems")
    if folder is not None and folder.kind != "folder":
        c.findings.add("not-a-folder", folder.path, f"systems is a {folder.kind}")
    files = folder.files if folder is not None else ()
    everywhere = [e for e in s.entry.walk() if e.kind == "file" and not e.name.startswith(".")]
    _check_checklist(c, s, everywhere)
    if energy:
        _check_hookup(c, s, everywhere)
    used = {part for system in systems for part in (system, *system.split("/"))}
    for file in files:
        if file.name.endswith(".json") and not file.name.startswith(".") and file.name[:-5] not in used:
            c.findings.add("system-unused", file.path, "no results of this system")
    _check_code(c, s)


def _bare(name: str) -> str:
    return "".join(ch for ch in name.lower() if ch.isalnum())


def _check_checklist(c: Context, s: Submission, files: list[Entry]) -> None:
    found = [e for e in files if "checklist" in _bare(e.name)]
    if not found:
        wanted = f"TinyMLPerf_{c.round.name}_Submission_Checklist.pdf"
        c.findings.add("checklist-missing", f"{s.entry.path}/systems/{wanted}", "no submission checklist")
    elif not any(e.name.lower().endswith(".pdf") for e in found):
        c.findings.add("checklist-format", found[0].path, "not a PDF")
    for entry in found:
        if entry.name.lower().endswith(_TEXTS):
            _check_filled(c, entry)


def _check_hookup(c: Context, s: Submission, files: list[Entry]) -> None:
    found = [e for e in files if any(word in _bare(e.name) for word in _HOOKUP)]
    if not found:
        c.findings.add("hookup-missing", f"{s.entry.path}/systems/Energy-Hookup.pdf", "energy without its hookup")
    elif all(e.name.lower().endswith(_TEXTS) and _open_lines(c, e) for e in found):
        c.findings.add("hookup-missing", found[0].path, f"the hookup is {TO_FILL}")


def _check_filled(c: Context, entry: Entry) -> None:
    if open_ := _open_lines(c, entry):
        c.findings.add("checklist-unfinished", entry.path, f"{len(open_)} answers {TO_FILL}", open_[0])


def _open_lines(c: Context, entry: Entry) -> list[int]:
    """The lines that say TO FILL."""
    try:
        lines = read_text(c.root, entry).split("\n")
    except Unreadable as e:
        c.findings.add("unreadable", entry.path, str(e))
        return []
    return [n for n, line in enumerate(lines, 1) if TO_FILL in line]


def _check_code(c: Context, s: Submission) -> None:
    code = s.entry.children.get("code")
    if code is None:
        c.findings.add("code-missing", f"{s.entry.path}/code", "no folder code")
    elif code.kind != "folder":
        c.findings.add("not-a-folder", code.path, f"code is a {code.kind}")
    elif not any(e.kind == "file" and e.nbytes for e in code.walk()):
        c.findings.add("code-missing", code.path, "no file in code")
