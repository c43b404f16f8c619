# SPDX-License-Identifier: Apache-2.0
"""smidgen check-submission: a tree of MLPerf Tiny results against the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click
from rich.table import Table

from smidgen.cli.common import json_option, print_json, progress, show, table
from smidgen.codegen.folder import write_file
from smidgen.mlperf.submission.checker import Report, Result, check
from smidgen.mlperf.submission.findings import Finding
from smidgen.mlperf.submission.rounds import DIVISIONS, LATEST, ROUNDS
from smidgen.mlperf.submission.summary import BENCHMARKS, final_report, final_report_csv, summary_csv

_EPILOG = """\b
Examples:
  smidgen check-submission submissions_tiny_v1.3 --round v1.3
  smidgen check-submission . --division closed --submitter acme --strict
  smidgen check-submission . --json
  smidgen check-submission . --csv summary.csv --report report.csv
Exit code: 0 without errors, 1 with one (--strict: or with a warning)."""

_MOST_ALIKE = 3
"""More findings of one rule are shown as one, with as many places."""


@click.command("check-submission", epilog=_EPILOG)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--round", "round_name", type=click.Choice(list(ROUNDS)), default=LATEST, show_default=True, help="Its rules hold."
)
@click.option("--division", type=click.Choice(list(DIVISIONS)), help="Only this one.")
@click.option("--submitter", metavar="ORG", help="Only this one.")
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path), metavar="F",
    help="Write the official checker's summary.csv: the results that count.",
)  # fmt: skip
@click.option(
    "--report", "report_file", type=click.Path(path_type=Path), metavar="F",
    help="Write the official final report's table as CSV: a system a row, latency and energy by benchmark.",
)  # fmt: skip
@click.option("--summary", is_flag=True, help="Show the final report's table as well.")
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--all", "show_all", is_flag=True, help="Show notes, and every finding where there are many.")
@json_option
def command(
    directory: Path,
    round_name: str,
    division: str | None,
    submitter: str | None,
    csv_file: Path | None,
    report_file: Path | None,
    summary: bool,
    strict: bool,
    show_all: bool,
    as_json: bool,
) -> int:
    """Check the submission tree DIR, which holds closed/ and open/.

    Everything the official checker looks at, and what it does not: windows of ten seconds, medians, accuracy and
    energy computed again from logs and traces, data sets, descriptions, documents.
    """
    with progress("checking", 0, quiet=as_json) as bar:
        report = check(
            directory, round_name, division=division, submitter=submitter,
            progress=lambda done, total, what: bar(done, total, what),
        )  # fmt: skip
    if csv_file:
        _write(csv_file, summary_csv(report))
    if report_file:
        _write(report_file, final_report_csv(final_report(report)))
    if as_json:
        print_json(report_object(report))
    else:
        show_report(report, show_all=show_all, summary=summary)
    return int(report.errors > 0 or (strict and report.warnings > 0))


def _write(path: Path, text: str) -> None:
    def write(stream: BinaryIO) -> None:
        stream.write(text.encode())

    write_file(path, write)


def report_object(report: Report) -> dict[str, object]:
    """A report as JSON."""
    return {
        "round": report.round,
        "errors": report.errors,
        "warnings": report.warnings,
        "results": report.results,
        "findings": report.findings,
        "final_report": final_report(report),
    }


def show_report(report: Report, *, show_all: bool, summary: bool) -> None:
    """Findings, the results with the values found, and the count."""
    shown = [f for f in report.findings if show_all or f.severity != "note"]
    for same in [[f] for f in shown] if show_all else _grouped(shown):
        show(_text(same[0]) if len(same) == 1 else _texts(same))
    if report.results:
        show(_results(report))
    if summary:
        show(_final(report))
    counts = Counter(f.severity for f in report.findings)
    official = sum(f.official and f.severity == "error" for f in report.findings)
    show(
        f"{len(report.results)} results, {sum(r.counts for r in report.results)} count for the official checker; "
        f"{counts['error']} errors ({official} of rules it has as well), {counts['warning']} warnings, "
        f"{counts['note']} notes"
    )


def _text(f: Finding) -> str:
    place = f"{f.place}: " if f.place else ""
    return f"{place}{f.severity}: {f.what} [{f.rule}]\n    {f.why}; {f.remedy}"


def _grouped(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings of a rule together where they are many, in the order in which rules first occur."""
    rules: dict[tuple[str, str], list[Finding]] = {}
    for f in findings:
        rules.setdefault((f.severity, f.rule), []).append(f)
    groups = [[same] if len(same) > _MOST_ALIKE else [[f] for f in same] for same in rules.values()]
    return [g for group in groups for g in group]


def _texts(same: Sequence[Finding]) -> str:
    """Many findings of one rule: how many, the first few, and why it matters once."""
    first = same[0]
    alike = all(f.what == first.what for f in same)
    rows = [f.place if alike else f"{f.place}: {f.what}" for f in same[:_MOST_ALIKE]]
    head = f"{first.severity}: {len(same)} times{f': {first.what}' if alike else ''} [{first.rule}]"
    places = [f"    {row}" for row in (*rows, f"... and {len(same) - len(rows)} more (--all)")]
    return "\n".join([head, *places, f"    {first.why}; {first.remedy}"])


def _results(report: Report) -> Table:
    columns = ("latency ms", "windows", "shortest s", "accuracy", "again", "energy", "energy again", "errors")
    t = table("Results", "system", "benchmark", *columns, "counts", right=columns)
    for r in report.results:
        t.add_row(
            f"{r.division}/{r.submitter}/{r.system}", r.benchmark, _figure(r.latency_ms), _whole(r.windows),
            _figure(r.shortest_window_s), _accuracy(r, r.accuracy), _accuracy(r, r.accuracy_recomputed),
            _energy(r, r.energy), _energy(r, r.energy_recomputed), str(r.errors), "yes" if r.counts else "no",
        )  # fmt: skip
    return t


def _final(report: Report) -> Table:
    columns = [f"{b} ms" for b in BENCHMARKS] + [f"{b} {'mW' if b == 'sww' else 'uJ'}" for b in BENCHMARKS]
    t = table("Final report", "ID", "category", "status", "submitter", "system", *columns, right=columns)
    for r in final_report(report):
        values = [r.latency_ms.get(b) for b in BENCHMARKS] + [r.energy.get(b) for b in BENCHMARKS]
        t.add_row(r.id, r.division, r.status, r.submitter, r.system, *(_figure(v) for v in values))
    return t


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if value < 1e4 else f"{value:.0f}"


def _whole(value: int | None) -> str:
    return "" if value is None else str(value)


def _accuracy(r: Result, value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if r.metric != "top-1" else f"{value:.1f} %"


def _energy(r: Result, value: float | None) -> str:
    return "" if value is None else f"{_figure(value)} {'mW' if r.task == 'sww' else 'uJ'}"
