# SPDX-License-Identifier: Apache-2.0
"""smidgen submit: runs of the benchmark to a submission tree."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from smidgen.cli.check_submission_command import report_object, show_report
from smidgen.cli.common import json_option, models_option, print_json, progress, show
from smidgen.compiler import compile as compile_model
from smidgen.errors import UsageError
from smidgen.mlperf.firmware import MODES, PORTS, firmware
from smidgen.mlperf.submission.build import Built, Plan, build, check_plan, read_code
from smidgen.mlperf.submission.collect import collect
from smidgen.mlperf.submission.description import Details, parse_settings, read_details, template
from smidgen.mlperf.submission.rounds import CATEGORIES, DIVISIONS, LATEST, ROUNDS
from smidgen.mlperf.tasks import TASKS
from smidgen.targets import load_target

_EPILOG = """\b
Examples:
  smidgen submit --template
  smidgen submit sessions/l4 --org acme --system l4r5zi -t nucleo-l4r5zi --details details.toml -o tiny_v1.4
  smidgen submit sessions/l4 --org acme --system l4r5zi -o tiny_v1.4 --model kws=kws.tflite -t nucleo-l4r5zi --update
  smidgen submit sessions/virtual --org acme --system rehearsal -o rehearsal --rehearsal"""


@click.command("submit", epilog=_EPILOG)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path), required=False)
@click.option("--org", metavar="NAME", help="The submitter; names its folder.")
@click.option("--system", metavar="NAME", help="The system; names its folder and description.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="The tree's folder.")
@click.option(
    "--round", "round_name", type=click.Choice(list(ROUNDS)), default=LATEST, show_default=True, help="Submitted to."
)
@click.option(
    "--division", type=click.Choice(list(DIVISIONS)), default="closed", show_default=True, help="Submitted to."
)
@click.option(
    "--status", type=click.Choice(list(CATEGORIES)), default="available", show_default=True, help="Can it be bought?"
)
@click.option("--target", "-t", metavar="T", help="Board that fills in the hardware (smidgen targets).")
@click.option(
    "--details", type=click.Path(path_type=Path), metavar="F", help="TOML with [description] and [checklist]."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A key of the description. Repeatable.")
@click.option("--code", multiple=True, metavar="TASK=DIR", help="Sources of a benchmark. Repeatable.")
@click.option(
    "--model", "models_of", multiple=True, metavar="TASK=MODEL",
    help="Generate a benchmark's firmware from its model, for --target. Repeatable.",
)  # fmt: skip
@click.option("--rehearsal", is_flag=True, help="Allow modelled results; the tree says that it is no submission.")
@click.option("--update", is_flag=True, help="Build an existing tree anew; what was edited or added is kept.")
@click.option("--strict", is_flag=True, help="Exit code 1 if the check finds errors.")
@click.option("--template", "want_template", is_flag=True, help="Print a details.toml to fill in.")
@models_option
@json_option
def command(
    run: Path | None,
    org: str | None,
    system: str | None,
    output: Path | None,
    round_name: str,
    division: str,
    status: str,
    target: str | None,
    details: Path | None,
    settings: tuple[str, ...],
    code: tuple[str, ...],
    models_of: tuple[str, ...],
    rehearsal: bool,
    update: bool,
    strict: bool,
    want_template: bool,
    models: Path | None,
    as_json: bool,
) -> int:
    """Build a submission tree from RUN, a folder that smidgen bench -o made, and check it.

    RUN holds <benchmark>/<mode>/ with the runner's files; the official runners' will do. What only you know is marked
    TO FILL in the description and the checklist. Results of a virtual board are marked as modelled.
    """
    if want_template:
        sys.stdout.write(template())
        return 0
    if run is None or org is None or system is None or output is None:
        raise click.UsageError("RUN, --org, --system and -o are needed (or --template)")
    said = read_details(details) if details else Details({}, {})
    said = replace(said, description={**said.description, **parse_settings(settings)})
    board = load_target(target) if target else None
    plan = Plan(org, system, round_name, division, status, collect(run), board, said, {}, rehearsal)
    check_plan(plan)
    sources: dict[str, bytes] = {}
    for benchmark, folder in map(_pair, code):
        sources |= read_code(benchmark, Path(folder))
    with progress("generating code", len(models_of), quiet=as_json) as bar:
        for i, (benchmark, model) in enumerate(map(_pair, models_of)):
            sources |= _firmware(benchmark, model, target, models, org)
            bar(i + 1)
    built = build(replace(plan, code=sources), output, update=update)
    _tell(built, plan, as_json)
    return int(strict and built.report.errors > 0)


def _pair(option: str) -> tuple[str, str]:
    name, separator, value = option.partition("=")
    if not separator or name not in TASKS or not value:
        raise click.UsageError(f"TASK=VALUE is expected, got {option!r}; the tasks are {', '.join(TASKS)}")
    return name, value


def _firmware(benchmark: str, model: str, target: str | None, models: Path | None, org: str) -> dict[str, bytes]:
    """Sources of a benchmark's firmware in both modes, for code/<benchmark>/smidgen/<mode>/."""
    if target is None:
        raise UsageError("--model needs --target, the board that the firmware is for")
    compiled = compile_model(model, target, models_dir=models)
    port = target if target in PORTS else "virtual"
    files: dict[str, bytes] = {}
    for mode in MODES:
        made = firmware(compiled, TASKS[benchmark], port=port, mode=mode, vendor=org)
        files |= {f"{benchmark}/smidgen/{mode}/{path}": text.encode() for path, text in made.files.items()}
    return files


def _tell(built: Built, plan: Plan, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "folder": built.folder,
                "files": built.files,
                "kept": built.kept,
                "to_fill": built.to_fill,
                "left_out": plan.runs.left_out,
                "modelled": plan.runs.modelled,
                "check": report_object(built.report),
            }
        )
        return
    show_report(built.report, show_all=False, summary=False)
    show(f"\n{built.folder}: {built.files} files")
    for name, items in (
        ("kept as edited", built.kept),
        ("left out", plan.runs.left_out),
        ("modelled, not measured", plan.runs.modelled),
        ("still to fill in", built.to_fill),
    ):
        if items:
            show(f"{name}: {', '.join(items)}")
