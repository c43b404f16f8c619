# SPDX-License-Identifier: Apache-2.0
"""Reads a mode's folder: which files are there, whose runner wrote them, and what they say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.mlperf.formats.results_json import parse_results_json
from smidgen.mlperf.formats.results_log import parse_log
from smidgen.mlperf.formats.results_text import parse_results
from smidgen.mlperf.formats.results_types import Layout, Log, ResultsJson, ResultsText
from smidgen.mlperf.formats.results_write import MODELLED_LINE
from smidgen.mlperf.submission.layout import Context, Place
from smidgen.mlperf.submission.tree import Entry, Unreadable, read_log_text, read_text

MARKER = "EEMBC_RUNNER"
RUNNERS: Mapping[Layout, str] = {"eembc": "EnergyRunner", "mlc": "the Python runner"}
_FILES: Mapping[Layout, tuple[str, ...]] = {
    "eembc": ("log.txt", "results.txt", "script.async"),
    "mlc": ("log.txt", "results.txt", "results.json"),
}
TRACE = ("trace1-energy.bin", "trace1-timestamps.json")
VIRTUAL = f"port: {MODELLED_LINE}"
_PICTURE = re.compile(r"energy_inf_\d{3}\.png")
_BANNER = re.compile(r"m-timestamp-mode-(performance|energy)")
_COMMAND = re.compile(r"cmd:\s*'([^'\n]{0,1000})'")


@dataclass(frozen=True, slots=True)
class ModeRun:
    """A mode's folder as read. ``text`` are the lines of results.txt; ``banner`` is what the device called its mode,
    with the line; ``script`` the commands of script.async; ``virtual`` the line where the log says that the board is
    a virtual one. None for what is not there or cannot be read.
    """

    mode: str
    entry: Entry
    layout: Layout
    files: Mapping[str, Entry]
    text: tuple[str, ...]
    printed: ResultsText | None
    log: Log | None
    json: ResultsJson | None
    script: tuple[str, ...] | None
    banner: tuple[str, int] | None
    virtual: int | None

    def path(self, name: str) -> str:
        """Where ``name`` lies, or would."""
        return self.files[name].path if name in self.files else f"{self.entry.path}/{name}"


def read_run(c: Context, place: Place, mode: str) -> ModeRun | None:
    """What ``mode``'s folder of a benchmark holds; None without one."""
    entry = place.entry.children.get(mode)
    if entry is None:
        return None
    if entry.kind != "folder":
        c.findings.add("not-a-folder", entry.path, f"{mode} is a {entry.kind}")
        return None
    files = _roles(c, entry)
    texts = {name: _read(c, files[name]) for name in ("results.txt", "log.txt") if name in files}
    results, log_text = texts.get("results.txt"), texts.get("log.txt")
    log = None if log_text is None else parse_log(log_text)
    printed = None if results is None else parse_results(results)
    layout = _layout(c, files, log, printed)
    run = ModeRun(
        mode,
        entry,
        layout,
        files,
        tuple((results or "").split("\n")),
        printed,
        log,
        _json(c, files.get("results.json")) if layout == "mlc" else None,
        _script(c, files.get("script.async")),
        _banner(log_text),
        _virtual(log_text),
    )
    _check_files(c, place, run)
    return run


def _roles(c: Context, entry: Entry) -> dict[str, Entry]:
    """Files by the name they should have; `performance_log.txt` plays log.txt."""
    known = {*_FILES["eembc"], *_FILES["mlc"], *TRACE, "script.txt"}
    roles: dict[str, Entry] = {}
    for file in entry.files:
        plain = file.name.partition("_")[2]
        if file.name in known:
            roles[file.name] = file
        elif plain in known and not file.name.startswith("."):
            roles.setdefault(plain, file)
            if not c.round.prefixed:
                c.findings.add("file-name", file.path, f"{file.name} instead of {plain}")
    if "script.txt" in roles:
        roles.setdefault("script.async", roles.pop("script.txt"))
    return roles


def _read(c: Context, entry: Entry) -> str | None:
    if not entry.nbytes:
        c.findings.add("file-empty", entry.path, "0 bytes")
        return None
    try:
        return read_log_text(c.root, entry)
    except Unreadable as e:
        c.findings.add("unreadable", entry.path, str(e))
        return None


def _json(c: Context, entry: Entry | None) -> ResultsJson | None:
    if entry is None:
        return None
    if not entry.nbytes:
        c.findings.add("file-empty", entry.path, "0 bytes")
        return None
    try:
        parsed = parse_results_json(read_text(c.root, entry))
    except Unreadable as e:
        c.findings.add("unreadable", entry.path, str(e))
        return None
    for remark in parsed.remarks[:_MOST_REMARKS]:
        c.findings.add("file-broken", entry.path, remark.text, remark.line or None)
    return parsed


_MOST_REMARKS = 20


def _script(c: Context, entry: Entry | None) -> tuple[str, ...] | None:
    text = None if entry is None else _read(c, entry)
    return None if text is None else tuple(_COMMAND.findall(text))


def _layout(c: Context, files: Mapping[str, Entry], log: Log | None, printed: ResultsText | None) -> Layout:
    """Whose files they are: by what the log says, else by what is printed, else by which files there are."""
    for parsed in (log, printed):
        if parsed is not None and parsed.layout is not None:
            return parsed.layout
    if "results.json" in files:
        return "mlc"
    return "eembc" if "script.async" in files or not c.round.python_runner else "mlc"


def _banner(log: str | None) -> tuple[str, int] | None:
    for number, line in enumerate((log or "").split("\n"), 1):
        if found := _BANNER.search(line):
            return found.group(1), number
    return None


def _virtual(log: str | None) -> int | None:
    """The line in which smidgen bench says that its board was a virtual one."""
    head = (log or "").split("\n", 40)[:40]
    return next((n for n, line in enumerate(head, 1) if VIRTUAL in line), None)


def _check_files(c: Context, place: Place, run: ModeRun) -> None:
    needed = _FILES[run.layout]
    for name in needed:
        if name not in run.files:
            c.findings.add("file-missing", f"{run.entry.path}/{name}", f"{RUNNERS[run.layout]} writes {name}")
    streaming = place.task is not None and place.task.name == "sww"
    for child in run.entry.children.values():
        expected = child in run.files.values() and (child.name not in TRACE or run.mode == "energy")
        picture = run.mode == "energy" and _PICTURE.fullmatch(child.name)
        if not expected and not picture and child.name not in (MARKER, "results.json", ".gitkeep"):
            c.findings.add("file-extra", child.path, f"{child.name} is none of {', '.join(needed)}")
    if streaming and run.mode == "energy" and run.entry.file("energy_inf_000.png") is None:
        c.findings.add("file-missing", f"{run.entry.path}/energy_inf_000.png", "the picture of the trace")
    if run.log is not None and run.log.layout is None:
        c.findings.add("file-broken", run.path("log.txt"), "no line of either runner's log")


def check_runner(c: Context, place: Place, runs: Mapping[str, ModeRun]) -> None:
    """That the marker agrees with the files, and that the round takes that runner's results."""
    if not runs:
        return
    layouts = {r.layout for r in runs.values()}
    marked = place.entry.file(MARKER) is not None
    inside = [r.entry.file(MARKER) for r in runs.values()]
    if c.round.python_runner and "eembc" in layouts and not marked:
        where = ", in the modes' folders only: the checker does not look there" if any(inside) else ""
        c.findings.add("runner-marker", f"{place.entry.path}/{MARKER}", f"EnergyRunner's files without a marker{where}")
    if marked and layouts == {"mlc"}:
        c.findings.add("runner-marker", f"{place.entry.path}/{MARKER}", "a marker beside the Python runner's files")
    for layout in sorted(layouts):
        taken = c.round.energy_runner if layout == "eembc" else c.round.python_runner
        if not taken:
            c.findings.add(
                "runner-not-accepted", place.entry.path, f"{c.round.name} does not take results of {RUNNERS[layout]}"
            )
