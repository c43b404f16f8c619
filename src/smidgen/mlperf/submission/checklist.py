# SPDX-License-Identifier: Apache-2.0
"""The submission checklist: its questions, answered from the results where they tell, else by the user.

The questions are those of TinyMLPerf_v1.3_Submission_Checklist (github.com/mlcommons/tiny_results_v1.3), in our words.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smidgen.mlperf.submission.rounds import TO_FILL
from smidgen.mlperf.submission.system import WATERMARK


@dataclass(frozen=True, slots=True)
class Question:
    """One question; ``name`` is its key in details.toml."""

    name: str
    text: str


QUESTIONS = (
    Question("engineer", "Responsible engineer"),
    Question("email", "E-mail address"),
    Question("systems", "Systems under test"),
    Question("division", "Division (closed or open)"),
    Question("category", "Category (Available, Preview, RDI)"),
    Question("benchmarks", "Benchmarks submitted"),
    Question("targets_met", "Does every closed benchmark reach its quality target?"),
    Question("whole_set", "Was accuracy measured on the whole validation set?"),
    Question("runner", "Which runner produced the results?"),
    Question("same_code", "Were accuracy and performance measured with the same code?"),
    Question("calibration", "Was calibration done only with the published calibration set, outside the test set?"),
    Question("numerics", "Numeric formats of weights and activations"),
    Question("backend", "Framework, compiler or library that runs the models"),
    Question("caching", "Is any caching used across inputs or queries?"),
    Question("forbidden", "Is any forbidden technique used (weight replacement, pruning, test set statistics)?"),
    Question("congruent", "Is the submission congruent with all rules?"),
    Question("description", "Are all fields of the systems' JSON files filled in?"),
)


@dataclass(frozen=True, slots=True)
class AccuracyRow:
    """One line of the checklist's accuracy table."""

    system: str
    benchmark: str
    metric: str
    printed: str
    target: str
    met: bool


@dataclass(frozen=True, slots=True)
class Checklist:
    """A checklist's answers by question, its accuracy table, and the list of contents."""

    round: str
    answers: Mapping[str, str]
    accuracy: Sequence[AccuracyRow]
    contents: Sequence[str]
    modelled: bool


def markdown(checklist: Checklist) -> str:
    """The checklist as Markdown."""
    c = checklist
    lines = [f"# MLPerf Tiny {c.round} submission checklist", ""]
    if c.modelled:
        lines += [f"**{WATERMARK}: a rehearsal, not for submission.**", ""]
    for q in QUESTIONS:
        lines += [f"* **{q.text}**", f"  {c.answers.get(q.name) or TO_FILL}"]
    lines += [
        "",
        "## Accuracy",
        "",
        "| system | benchmark | metric | printed | target | met |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.system} | {r.benchmark} | {r.metric} | {r.printed} | {r.target} | {_yes(r.met)} |" for r in c.accuracy
    ]
    lines += ["", "## Contents", "", *(f"* {path}" for path in c.contents)]
    return "\n".join(lines) + "\n"


def page(checklist: Checklist) -> str:
    """The checklist as a page to print to PDF, which the round asks for."""
    c, e = checklist, html.escape
    rows = "".join(f"<tr><td>{e(q.text)}</td><td>{e(c.answers.get(q.name) or TO_FILL)}</td></tr>\n" for q in QUESTIONS)
    accuracy = "".join(
        "<tr>" + "".join(f"<td>{e(v)}</td>" for v in (r.system, r.benchmark, r.metric, r.printed, r.target)) +
        f"<td>{_yes(r.met)}</td></tr>\n"
        for r in c.accuracy
    )  # fmt: skip
    contents = "".join(f"<li>{e(path)}</li>\n" for path in c.contents)
    watermark = f"<p class=mark>{e(WATERMARK)}: a rehearsal, not for submission.</p>\n" if c.modelled else ""
    title = f"MLPerf Tiny {e(c.round)} submission checklist"
    return (
        f"<!doctype html>\n<meta charset=utf-8>\n<title>{title}</title>\n"
        "<style>body{font:11pt sans-serif;max-width:50em;margin:2em auto}table{border-collapse:collapse;width:100%}"
        "td,th{border:1px solid #999;padding:.3em;text-align:left;vertical-align:top}.mark{color:#b00;font-weight:bold}"
        "</style>\n"
        f"<h1>{title}</h1>\n{watermark}<table>\n{rows}</table>\n<h2>Accuracy</h2>\n<table>\n"
        f"<tr><th>system<th>benchmark<th>metric<th>printed<th>target<th>met</tr>\n{accuracy}</table>\n"
        f"<h2>Contents</h2>\n<ul>\n{contents}</ul>\n"
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"
