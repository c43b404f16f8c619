# SPDX-License-Identifier: Apache-2.0
"""Builds a submission tree from runs: results, description, code, checklist and notes, all at once."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smidgen.codegen.folder import put_folder
from smidgen.errors import InvalidInput, OutputError, UsageError
from smidgen.mlperf.submission.checker import Report, Result, check
from smidgen.mlperf.submission.checklist import AccuracyRow, Checklist, markdown, page
from smidgen.mlperf.submission.collect import Collected
from smidgen.mlperf.submission.description import Details, describe, missing
from smidgen.mlperf.submission.rounds import ROUNDS, TO_FILL
from smidgen.mlperf.submission.system import WATERMARK
from smidgen.mlperf.submission.tree import Entry, Unreadable, read_bytes, read_json, scan
from smidgen.mlperf.tasks import TASKS
from smidgen.targets import Target

RECORD = "smidgen-submission.json"
"""In the tree's root: what we wrote, by path, with its SHA-256. What differs from it was edited and is kept."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be submitted, and by whom. ``code``: path below code/ -> content."""

    submitter: str
    system: str
    round: str
    division: str
    status: str
    runs: Collected
    target: Target | None = None
    details: Details = field(default_factory=lambda: Details({}, {}))
    code: Mapping[str, bytes] = field(default_factory=dict)
    rehearsal: bool = False

    @property
    def top(self) -> str:
        return f"{self.division}/{self.submitter}"


@dataclass(frozen=True, slots=True)
class Built:
    """A tree that was written: what of it is still to be filled in, what was kept, and what its check found."""

    folder: Path
    files: int
    kept: tuple[str, ...]
    to_fill: tuple[str, ...]
    report: Report


def check_plan(plan: Plan) -> None:
    """UsageError for names that make no folder, benchmarks that the round lacks, results that are not measured."""
    for what, name in (("--org", plan.submitter), ("--system", plan.system)):
        if not _NAME.fullmatch(name):
            raise UsageError(f"{what} is {name!r}: use letters, digits, and . _ + - (it names a folder; no spaces)")
    round_ = ROUNDS[plan.round]
    others = [b for b in plan.runs.modes if b not in round_.benchmarks]
    if others:
        raise UsageError(f"{plan.round} has no benchmark {', '.join(others)}; choose a later --round or leave it out")
    if plan.runs.modelled and not plan.rehearsal and (plan.division == "closed" or plan.status == "available"):
        raise UsageError(
            f"{plan.runs.modelled[0]} ran on a virtual board: its figures are modelled, and no round takes them as "
            f"{plan.division}/{plan.status}. Run on the board, or add --rehearsal to build a tree marked as one"
        )


def build(plan: Plan, folder: Path, *, update: bool = False) -> Built:
    """Write the tree and check it. With ``update`` a tree we made is built anew: what was edited or added is kept.

    UsageError, InvalidInput or OutputError, and then nothing has changed.
    """
    check_plan(plan)
    earlier = _earlier(folder, update)
    files = _results(plan) | _systems(plan) | {f"{plan.top}/code/{p}": data for p, data in _code(plan).items()}
    edited = {path: data for path, (data, ours) in earlier.items() if not ours}
    files = _carried(plan, earlier, files) | files
    with tempfile.TemporaryDirectory(prefix="smidgen-submit-") as scratch:
        draft = Path(scratch) / "tree"
        put_folder(draft, files | edited)
        drafted = check(draft, plan.round, division=plan.division, submitter=plan.submitter)
    files |= _checklist(plan, drafted, files)
    record = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}
    record |= {path: (_record(folder) or {}).get(path, "") for path in edited}  # so that they are kept again
    files |= edited
    files[RECORD] = (json.dumps(record, indent=1) + "\n").encode()
    put_folder(folder, files)
    report = check(folder, plan.round, division=plan.division, submitter=plan.submitter)
    described = json.loads(files[f"{plan.top}/systems/{plan.system}.json"])
    open_ = (*missing(described), *_open_answers(plan, files))
    return Built(folder, len(files) - 1, tuple(sorted(edited)), open_, report)


def _earlier(folder: Path, update: bool) -> dict[str, tuple[bytes, bool]]:
    """Files of an earlier tree, and whether they are as we wrote them: not edited, nor added since."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise OutputError(f"{folder} exists and is not a folder. Choose another one with -o")
    if not folder.exists() or not any(folder.iterdir()):
        return {}
    if folder.absolute() == Path.cwd():
        raise OutputError(f"{folder} is the current folder, which cannot be replaced. Name a folder in it with -o")
    record = _record(folder)
    if record is None:
        raise OutputError(f"{folder} is not empty and was not made by smidgen submit. Choose another one with -o")
    if not update:
        raise OutputError(f"{folder} holds an earlier tree. Use --update to build it anew, or -o for another folder")
    found = {}
    for entry in scan(folder).walk():
        if entry.kind == "folder" or entry.path == RECORD:
            continue
        data = _keep(folder, entry)
        found[entry.path] = data, record.get(entry.path) == hashlib.sha256(data).hexdigest()
    return found


def _carried(plan: Plan, earlier: Mapping[str, tuple[bytes, bool]], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What an earlier tree has of other systems: all but this one's results and the code that is given anew."""
    anew = {f"{plan.top}/code/{path.split('/')[0]}/" for path in plan.code}
    dropped = (f"{plan.top}/results/{plan.system}/", *anew)
    return {path: data for path, (data, ours) in earlier.items() if ours and not path.startswith(dropped)}


def _keep(folder: Path, entry: Entry) -> bytes:
    try:
        if entry.kind != "file":
            raise Unreadable(f"it is a {entry.kind}")
        return read_bytes(folder, entry)
    except Unreadable as e:
        raise OutputError(f"{folder / entry.path} cannot be kept: {e}. Move it away") from e


def _record(folder: Path) -> dict[str, str] | None:
    entry = scan(folder).file(RECORD)
    try:
        value = None if entry is None else read_json(folder, entry)
    except Unreadable:
        return None
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else None


def _results(plan: Plan) -> dict[str, bytes]:
    return {f"{plan.top}/results/{plan.system}/{path}": data for path, data in plan.runs.files.items()}


def _systems(plan: Plan) -> dict[str, bytes]:
    values = describe(
        plan.submitter, plan.division, plan.status, plan.target, plan.details.description, bool(plan.runs.modelled)
    )
    files = {f"{plan.top}/systems/{plan.system}.json": (json.dumps(values, indent=4) + "\n").encode()}
    if any("energy" in modes for modes in plan.runs.modes.values()):
        files[f"{plan.top}/systems/Energy-Hookup.md"] = _HOOKUP.encode()
    if plan.runs.modelled:
        text = f"# {WATERMARK}\n\nA rehearsal: these runs were made on a virtual board, in modelled time:\n\n"
        files[f"{plan.top}/REHEARSAL.md"] = (text + "".join(f"* {p}\n" for p in plan.runs.modelled)).encode()
    return files


_HOOKUP = f"""# Energy hookup

{TO_FILL}: replace this file by Energy-Hookup.pdf, which shows
* the energy monitor, its supply voltage, and which pins of the board it feeds;
* the level shifters between the board and the I/O manager: exactly one measured supply may feed the board;
* jumpers and traces that were opened, and what they would feed.
"""


def _code(plan: Plan) -> dict[str, bytes]:
    """The code as given, with a README in each benchmark's folder that has none."""
    code, said = dict(plan.code), plan.details.description
    readme = [f"# Code of {plan.submitter}'s results on {plan.system}", ""]
    for benchmark in plan.runs.modes:
        given = any(path.startswith(f"{benchmark}/") for path in code)
        readme += [
            f"## {benchmark}: {TASKS[benchmark].title}", "",
            f"Sources: {f'`{benchmark}/`' if given else TO_FILL}", "",
            f"Numeric formats: {plan.details.checklist.get('numerics') or TO_FILL}", "",
            f"Quantisation: {said.get('Quantization Method') or TO_FILL}", "",
            f"Calibration (scripts, and which samples): {said.get('Training and Quantization Notes') or TO_FILL}", "",
        ]  # fmt: skip
    readme += ["Build: each folder of firmware has a Makefile; `smidgen firmware` generates the sources anew.", ""]
    code.setdefault(f"README_{plan.system}.md", "\n".join(readme).encode())
    return code


def _checklist(plan: Plan, report: Report, files: Mapping[str, bytes]) -> dict[str, bytes]:
    counts = Counter(path.rpartition("/")[0] for path in files)
    contents = [f"{folder}/: {n} file{'s' if n > 1 else ''}" for folder, n in sorted(counts.items())]
    made = Checklist(plan.round, _answers(plan, report), _accuracy(report.results), contents, bool(plan.runs.modelled))
    stem = f"{plan.top}/systems/TinyMLPerf_{plan.round}_Submission_Checklist"
    return {f"{stem}.md": markdown(made).encode(), f"{stem}.html": page(made).encode()}


def _answers(plan: Plan, report: Report) -> dict[str, str]:
    """What the results tell, unless the user says it otherwise."""
    results = report.results
    whole = not any(f.rule in ("inputs-missing", "mode-missing") for f in report.findings)
    runners = sorted({r.runner for r in results if r.runner})
    known = {
        "systems": ", ".join(dict.fromkeys(r.system for r in results)),
        "division": plan.division,
        "category": plan.status,
        "benchmarks": ", ".join(dict.fromkeys(r.benchmark for r in results)),
        "targets_met": _targets_met(results),
        "runner": f"the files are those of {' and '.join(runners)}" if runners else "",
        "whole_set": "yes" if whole and all(r.accuracy_recomputed is not None for r in results) else "",
        "backend": "C generated by smidgen for each model",
    }
    return {**known, **{k: v for k, v in plan.details.checklist.items() if v}}


def _targets_met(results: Sequence[Result]) -> str:
    rows = _accuracy(results)
    missed = [r.benchmark for r in rows if not r.met]
    if missed:
        return f"no: {', '.join(missed)}"
    return f"yes: {', '.join(r.benchmark for r in rows)}" if rows else ""


def _accuracy(results: Sequence[Result]) -> tuple[AccuracyRow, ...]:
    rows = []
    for r in results:
        task = TASKS.get(r.task or "")
        if task is None or r.accuracy is None:
            continue
        if task.most_errors is not None:
            fp, fn = r.false_positives or 0, r.false_negatives or 0
            limits = f"at most {task.most_errors[0]} and {task.most_errors[1]}"
            met = fp <= task.most_errors[0] and fn <= task.most_errors[1]
            rows.append(AccuracyRow(r.system, r.benchmark, "false positives and negatives", f"{fp}, {fn}", limits, met))
        elif task.target is not None:
            met = r.accuracy >= task.target
            rows.append(AccuracyRow(r.system, r.benchmark, r.metric, f"{r.accuracy:g}", f"{task.target:g}", met))
    return tuple(rows)


def _open_answers(plan: Plan, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Documents that still say TO FILL."""
    return tuple(
        path
        for path, data in sorted(files.items())
        if path.startswith(f"{plan.top}/") and path.endswith((".md", ".html")) and TO_FILL.encode() in data
    )


def read_code(benchmark: str, folder: Path) -> dict[str, bytes]:
    """A folder of sources, for code/<benchmark>/<its name>/. InvalidInput for what cannot be submitted."""
    if benchmark not in TASKS:
        raise UsageError(f"--code: no benchmark {benchmark!r}; there are {', '.join(TASKS)}")
    files = {}
    for entry in scan(folder).walk():
        if entry.kind == "folder" or any(part.startswith(".") for part in entry.path.split("/")):
            continue
        try:
            if entry.kind != "file":
                raise Unreadable(f"it is a {entry.kind}")
            files[f"{benchmark}/{folder.resolve().name}/{entry.path}"] = read_bytes(folder, entry)
        except Unreadable as e:
            raise InvalidInput(f"{folder / entry.path} cannot be submitted: {e}. Move it away") from e
    if not files:
        raise InvalidInput(f"{folder} holds no code. Name the folder that smidgen firmware -o made")
    return files
