# SPDX-License-Identifier: Apache-2.0
"""Costs of the zoo's models in every setting on the reference board, beside what others published for it.

    python bench/run.py            the table, and a comparison with bench/baseline.json: exit 1 if anything is worse
    python bench/run.py --update   write the baseline and docs/latency-ram.svg

Worse: more than 1 % more cycles, or a byte more RAM. Official files are used where SMIDGEN_ZOO or --models has them,
otherwise synthetic models with the same shapes. Counts repeat exactly, so any difference is one of the compiler, its
kernels or its toolchain.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.figures import (
    LABELS,
    MADE,
    OFFICIAL,
    TARGET,
    Entry,
    changes,
    flash_bytes,
    measure_all,
    ram_bytes,
    regressions,
    text,
)
from bench.figures import tasks as all_tasks

from smidgen.cli.common import show, table
from smidgen.cli.plot import add_series, finish, new_figure
from smidgen.errors import SmidgenError, ToolNotFound
from smidgen.results import best_of_each_engine, best_published
from smidgen.schedule import SETTINGS
from smidgen.targets import load_target
from smidgen.zoo import ZOO

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / "bench/baseline.json"
PLOT = ROOT / "docs/latency-ram.svg"
MODELS = ("ad", "kws", "ic", "vww", "sww")
CLOCK_HZ = load_target(TARGET).clock_hz


def print_table(entries: Mapping[str, Entry]) -> None:
    """Ours, setting by setting, and below each model the best of every engine published for the board."""
    columns = ("Mcycles", "c/MAC", "on board", "ms", "silicon, ms", "RAM", "flash")
    t = table(f"{TARGET}, {CLOCK_HZ / 1e6:g} MHz", "model", "setting or engine", *columns, "source", right=columns)
    for model in MODELS:
        form = OFFICIAL if f"{TARGET}/{model}-{OFFICIAL}/speed" in entries else MADE
        for setting, label in LABELS.items():
            e = entries.get(f"{TARGET}/{model}-{form}/{setting}")
            if e is None:
                continue
            cycles, board = e["cycles_modelled"], e["board_cycles_modelled"]
            best, (least, most) = board or cycles, e["latency_ms_range"]
            figures = (f"{cycles / 1e6:.3f}", f"{cycles / e['macs']:.2f}", f"{board / 1e6:.3f}" if board else "-")
            span = f"{least:.2f}-{most:.2f}"
            sizes = (f"{ram_bytes(e):,}", f"{flash_bytes(e):,}")
            source = "modelled, official weights" if form == OFFICIAL else "modelled, synthetic weights"
            t.add_row(model, f"smidgen, {label}", *figures, f"{best / CLOCK_HZ * 1e3:.2f}", span, *sizes, source)
        for p in best_of_each_engine(model):
            macs = entries[f"{TARGET}/{model}-{form}/speed"]["macs"]
            note = " (one frame with front end)" if model == "sww" else ""
            where = f"measured: {p.software}, {p.submitter}, {p.round}{note}"
            figures = ("", f"{p.mcycles * 1e6 / macs:.2f}" if not note else "", f"{p.mcycles:.3f}")
            t.add_row(model, p.engine, *figures, f"{p.latency_ms:.2f}", "", "", "", where)
    show(t)


def draw(entries: Mapping[str, Entry], path: Path) -> None:
    """Latency against RAM: ours by setting, and the best published latency of each model as a line."""
    figure, axes = new_figure(path)
    for model, marker in zip(MODELS, "os^Dv", strict=True):
        form = OFFICIAL if f"{TARGET}/{model}-{OFFICIAL}/speed" in entries else MADE
        rows = [(s, entries[f"{TARGET}/{model}-{form}/{s}"]) for s in SETTINGS]
        named: dict[tuple[float, float], list[str]] = {}
        for s, e in rows:
            cycles = e["board_cycles_modelled"] or e["cycles_modelled"]
            named.setdefault((ram_bytes(e) / 1024, cycles / CLOCK_HZ * 1e3), []).append(s)
        add_series(axes, [(x, y, ", ".join(names)) for (x, y), names in named.items()], model, marker=marker)
        best = best_published(model)
        if best is not None:
            axes.axhline(best.latency_ms, linestyle=":", linewidth=1, color=axes.lines[-1].get_color())
            axes.annotate(f"{model}: {best.engine}", (0.2, best.latency_ms), xycoords=("axes fraction", "data"))
            axes.texts[-1].set(fontsize=7, ha="left", va="bottom")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend()
    title = f"{TARGET}: points modelled with flash, dotted lines the best published, measured"
    finish(path, figure, axes, title, ("RAM, KB (arena, statics and stack)", "latency, ms"))


def compare(now: Mapping[str, Entry]) -> list[str]:
    """Prints what differs from the baseline; what is worse is returned."""
    before = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    for line in changes(before, now):
        print(line)
    worse = regressions(before, now)
    for line in worse:
        print(f"worse: {line}", file=sys.stderr)
    print(f"{len(now)} programs, {len(worse)} findings against the baseline")
    return worse


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the baseline and the plot")
    parser.add_argument("--models", type=Path, help="folder with the official files")
    parser.add_argument("--plot", type=Path, help="draw the plot into this file")
    arguments = parser.parse_args()
    assert sorted(MODELS) == sorted(m.name for m in ZOO)
    try:
        now = measure_all(all_tasks(arguments.models))
    except SmidgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_table(now)
    plot = arguments.plot or (PLOT if arguments.update else None)
    if plot is not None:
        try:
            draw(now, plot)
        except ToolNotFound as error:
            print(f"no plot: {error}", file=sys.stderr)
    worse = compare(now)
    if arguments.update:
        before = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
        kept = {k: v for k, v in before.items() if "layers" in v}
        BASELINE.write_text(text({**kept, **now}), encoding="utf-8")
        return 0
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
