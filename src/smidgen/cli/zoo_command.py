# SPDX-License-Identifier: Apache-2.0
"""smidgen zoo: models by name, and fetching the official files."""

from __future__ import annotations

from pathlib import Path

import click

from smidgen.cli.common import json_option, models_option, print_json, progress, show, table
from smidgen.zoo import ZOO, find_model, pull


@click.command(
    "zoo", epilog="\b\nExamples:\n  smidgen zoo\n  smidgen zoo pull\n  smidgen zoo --models ~/mlperf-tiny-models --json"
)
@click.argument("action", type=click.Choice(["list", "pull"]), default="list")
@models_option
@json_option
def command(action: str, models: Path | None, as_json: bool) -> None:
    """List the zoo's models and what each name stands for here; `pull` downloads the official MLPerf Tiny files.

    Without the official files a name stands for the same topology with noise for weights: right for latency and memory,
    meaningless for accuracy.
    """
    if action == "pull":
        with progress("downloading", len(ZOO), quiet=as_json) as done:
            pull(lambda entry: done(ZOO.index(entry)))
    rows = []
    for entry in ZOO:
        found = find_model(entry.name, models, strict=False)
        rows.append(
            {
                "name": entry.name,
                "task": entry.task,
                "model": found.label,
                "path": found.path,
                "synthetic": found.synthetic,
            }
        )
    if as_json:
        print_json({"models": rows})
        return
    t = table("Zoo", "name", "task", "model")
    for row in rows:
        t.add_row(str(row["name"]), str(row["task"]), str(row["path"] or row["model"]))
    show(t)
