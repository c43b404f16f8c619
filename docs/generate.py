# SPDX-License-Identifier: Apache-2.0
"""Makes the generated parts of the documentation, or checks that they are current.

    python docs/generate.py            exit 1 and say which file is stale
    python docs/generate.py --update   write them

Generated: docs/supported-ops.md, docs/cli.md, in README.md the tables and the outputs of commands, in
docs/performance.md and docs/quantization.md the tables.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.figures import LABELS
from docs.json_keys import JSON_KEYS

from smidgen.cli.main import cli
from smidgen.cli.support import OpRow, supported_ops
from smidgen.results import best_of_each_engine, best_published
from smidgen.schedule import SETTINGS
from smidgen.targets import list_targets, load_target

ROOT = Path(__file__).resolve().parent.parent
SPDX = "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
MADE = "<!-- Made by docs/generate.py; edit that, not this. -->\n"
BLOCK = re.compile(r"<!-- (output|table): (.+?) -->\n(.*?)<!-- end -->", re.DOTALL)
MODELS = ("ad", "kws", "ic", "vww", "sww")
QUANTISERS = ("affine", "affine, last layer int16", "affine, int16 activations", "power-of-two")
PUBLISHED_MCYCLES = {"ad": 0.742, "kws": 9.43, "ic": 35.8, "vww": 30.4, "sww": 2.75}  # TFLM + CMSIS-NN, see README


def supported_ops_page() -> str:
    rows = supported_ops()
    lines = [SPDX + MADE, "# Supported operators", ""]
    lines += [
        "How files spell each operator, and which kernels compute it. Of the kernels whose limits a node meets, the",
        "cheapest is taken; `smidgen check MODEL` tells for a model, `smidgen compile --explain` why.",
        "",
        "| operator | TFLite | ONNX | kernels |",
        "|---|---|---|---|",
    ]
    lines += [f"| {r.name} | {_names(r.tflite)} | {_names(r.onnx)} | {_kernel_names(r)} |" for r in rows]
    lines += ["", "## Limits of each kernel", "", "| kernel | core features | needs |", "|---|---|---|"]
    for row in rows:
        for k in row.kernels:
            lines.append(f"| `{k.symbol}` | {', '.join(k.isa) or '-'} | {'; '.join(k.limits) or '-'} |")
    return "\n".join(lines) + "\n"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "-"


def _kernel_names(row: OpRow) -> str:
    return ", ".join(f"`{k.symbol}`" for k in row.kernels) or row.note


def cli_page() -> str:
    parts = [SPDX + MADE, "# Command line\n", _help(cli, "smidgen")]
    parts.append(
        "Exit codes: 0 success, 1 an error or a difference, 2 wrong usage, 70 a bug in smidgen, 130 interrupted. With "
        '`--json` stdout holds\none object and nothing else; after an error it is `{"error": {"kind", "message"}}`. '
        "Messages and progress go to stderr.\n"
    )
    parts.append("The settings of `--optimize`, for whole programs within `--max-ram` and `--max-flash`:\n")
    parts += [*(f"* `{name}`: {text}" for name, text in SETTINGS.items()), ""]
    context = click.Context(cli, info_name="smidgen")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        parts.append(f"## smidgen {name}\n")
        parts.append(_help(command, f"smidgen {name}"))
        parts.append("| JSON | |\n|---|---|")
        parts += [f"| `{keys}` | {text} |" for keys, text in JSON_KEYS[name].items()]
        parts.append("")
    return "\n".join(parts)


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, max_content_width=100, help_option_names=["-h", "--help"])
    context.terminal_width = 100
    command._help_option = None  # click keeps the option as the first caller's context had it
    return f"```text\n{command.get_help(context).rstrip()}\n```\n"


def readme() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    def replace(match: re.Match[str]) -> str:
        kind, what, _ = match.groups()
        body = README_TABLES[what]() if kind == "table" else f"```text\n$ {what}\n{run(what)}```\n"
        return f"<!-- {kind}: {what} -->\n{body}<!-- end -->"

    return BLOCK.sub(replace, text)


def entries(form: str = "official-tflite") -> dict[tuple[str, str], Any]:
    """The baseline's entries of one form by model and setting."""
    baseline = json.loads((ROOT / "bench/baseline.json").read_text(encoding="utf-8"))
    keys = [(m, label, f"nucleo-l4r5zi/{m}-{form}/{s}") for m in MODELS for s, label in LABELS.items()]
    return {(m, label): baseline[key] for m, label, key in keys if key in baseline}


def results_table() -> str:
    lines = [
        "| model | setting | Mcycles (cycles/MAC) | on the board, Mcycles | ms, with error | RAM, bytes | flash, bytes "
        "| TFLM + CMSIS-NN, Mcycles | best published, ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (name, setting), e in entries().items():
        cycles, board, (least, most) = e["cycles_modelled"], e["board_cycles_modelled"], e["latency_ms_range"]
        best = best_published(name)
        beside = (str(PUBLISHED_MCYCLES[name]), f"{best.latency_ms:.2f} ({best.software})" if best else "-")
        lines.append(
            f"| {name} | {setting} | {cycles / 1e6:.3f} ({cycles / e['macs']:.2f}) | {board / 1e6:.3f} | "
            f"{board / 120e3:.2f} ({least:.2f} to {most:.2f}) | {sum(e['ram_bytes'].values()):,} | "
            f"{sum(e['flash_bytes'].values()):,} | {' | '.join(beside if setting == 'speed' else ('', ''))} |"
        )
    return "\n".join(lines) + "\n"


def performance() -> str:
    """docs/performance.md with its tables made anew; the text between them is written by hand."""
    return BLOCK.sub(_performance_block, (ROOT / "docs/performance.md").read_text(encoding="utf-8"))


def _performance_block(match: re.Match[str]) -> str:
    kind, what, _ = match.groups()
    table, _, model = what.partition(" ")
    makers = {"published": published_table, "layers": layers_table, "float32": lambda _: float_table()}
    body = makers[table](model)
    return f"<!-- {kind}: {what} -->\n{body}<!-- end -->"


def layers_table(model: str) -> str:
    """Where each cycle of the speed setting goes."""
    e = entries()[model, "speed"]
    total = e["cycles_modelled"]
    lines = [
        "| # | layer | kernel | out | MACs | live | cycles | share | cycles/live MAC | stalls | RAM | flash |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for i, (name, kernel, shape, macs, live, cycles, stalls, ram, flash) in enumerate(e["layers"]):
        out = "x".join(map(str, shape[1:] or shape))
        lines.append(
            f"| {i} | {name} | `{kernel.removeprefix('smg_')}` | {out} | {macs:,} | {live:,} | {cycles:,} | "
            f"{100 * cycles / total:.1f} % | {f'{cycles / live:.2f}' if live else '-'} | "
            f"{'-' if stalls is None else f'{stalls:,}'} | {ram:,} | {flash:,} |"
        )
    counted = sum(row[5] for row in e["layers"])
    stalls = "-" if e["board_cycles_modelled"] is None else f"{e['board_cycles_modelled'] - total:,}"
    flash_bytes = sum(e["flash_bytes"].values())
    lines.append(
        f"| | call and copies | | | | | {total - counted:,} | {100 * (total - counted) / total:.1f} % | | | | |"
    )
    lines.append(
        f"| | all | | | {e['macs']:,} | {e['live_macs']:,} | {total:,} | 100 % | {total / e['live_macs']:.2f} | "
        f"{stalls} | {sum(e['ram_bytes'].values()):,} | {flash_bytes:,} |"
    )
    spent = e["flash_bytes"]
    lines.append(
        f"\nFlash: {spent['live_weights']:,} bytes of int8 weights, {spent['growth']:+,} by packing, "
        f"{spent['tables']:,} of tables and parameters, {spent['code']:,} of code."
    )
    return "\n".join(lines) + "\n"


def float_table() -> str:
    """The float32 models beside the integers of the same topology."""
    lines = [
        "| model | float32: Mcycles (cycles/MAC) | on the board | RAM, bytes | flash, bytes "
        "| int8: Mcycles | RAM, bytes | flash, bytes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    integers = entries()
    for (name, setting), e in entries("official-float32").items():
        cycles, q = e["cycles_modelled"], integers[name, setting]
        sizes = [f"{sum(i[kind].values()):,}" for i in (e, q) for kind in ("ram_bytes", "flash_bytes")]
        lines.append(
            f"| {name} | {cycles / 1e6:.3f} ({cycles / e['macs']:.2f}) | {e['board_cycles_modelled'] / 1e6:.3f} | "
            f"{sizes[0]} | {sizes[1]} | {q['cycles_modelled'] / 1e6:.3f} | {sizes[2]} | {sizes[3]} |"
        )
    return "\n".join(lines) + "\n"


def published_table(model: str) -> str:
    """Every engine's best for the board, with its source."""
    lines = ["| engine | software | ms | Mcycles | submitter | round | source |", "|---|---|---|---|---|---|---|"]
    for p in best_of_each_engine(model):
        lines.append(
            f"| {p.engine} | {p.software} | {p.latency_ms:.2f} | {p.mcycles:.3f} | {p.submitter} | {p.round} | "
            f"`{p.source}` |"
        )
    return "\n".join(lines) + "\n"


def quantization() -> str:
    """docs/quantization.md with its tables made anew; the text round them is written by hand."""
    tables = {"quantisers": quantisers_table, "keywords": keywords_table, "searches": searches_table}
    text = (ROOT / "docs/quantization.md").read_text(encoding="utf-8")
    return BLOCK.sub(lambda m: f"<!-- table: {m.group(2)} -->\n{tables[m.group(2)]()}<!-- end -->", text)


def _quantization() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "bench/quantization.json").read_text(encoding="utf-8"))
    return found


def keywords_table() -> str:
    """Accuracy on the keyword spotter's samples that calibration has not seen."""
    kws = _quantization()["kws"]
    rows = {
        "float32": kws["float"],
        "affine int8": kws["smidgen"]["affine"],
        "four-bit weights": kws["smidgen"]["affine, four-bit weights"],
        "int16 activations": kws["smidgen"]["affine, int16 activations"],
        "power-of-two": kws["smidgen"]["power-of-two"],
        "ONNX Runtime, defaults": kws["onnxruntime"]["defaults"],
        "its best (by SQNR)": kws["onnxruntime"]["best"],
    }
    lines = ["| kws | top-1, % | AUC |", "|---|---|---|"]
    lines += [f"| {name} | {100 * r['top1']:.2f} | {r['auc']:.5f} |" for name, r in rows.items()]
    return "\n".join(lines) + "\n"


def searches_table() -> str:
    """What --max-drop 1.0 found, and what quantising and searching took (bench/precision_search.py)."""
    measured = _quantization()
    lines = [
        "| model, seed | drop in int8 | weights, of int8's | drop | layers | judged | seconds | MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for model in ("kws", "vww"):
        for seed, e in sorted(measured[model]["search"].items()):
            c, m = e["counted"], e["measured"]
            words = ", ".join(f"{n} {w}" for w, n in c["layers"].items())
            lines.append(
                f"| {model}, {seed} | {m['int8_drop']:.2f} | {c['weights_share']:.3f} | {m['drop']:.2f} | {words} | "
                f"{c['judged_assignments']} | {m['seconds']} | {m['peak_mb']} |"
            )
    cost = measured["vww"]["cost"]
    return "\n".join(lines) + (
        f"\n\nQuantising vww with 100 samples, no search: {cost['seconds']:.0f} s, {cost['peak_kib'] / 1024:.0f} MB.\n"
    )


def quantisers_table() -> str:
    """Mean SQNR of the output, smidgen beside ONNX Runtime's quantize_static (bench/quantization.json)."""
    measured = _quantization()
    columns = [("ONNX Runtime, defaults", lambda e: e["onnxruntime"]["defaults"])]
    columns.append(("its best", lambda e: e["onnxruntime"]["best"]))
    columns += [(label, lambda e, label=label: e["smidgen"][label]) for label in QUANTISERS]
    lines = ["| | " + " | ".join(name for name, _ in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [
        f"| {model} | " + " | ".join(f"{figures(measured[model])['sqnr_db']:.1f}" for _, figures in columns) + " |"
        for model in MODELS
    ]
    best = "; ".join(f"{model}: {measured[model]['onnxruntime']['best']['setting']}" for model in MODELS)
    return "\n".join(lines) + f"\n\nONNX Runtime's best: {best}.\n"


def quantisers_summary() -> str:
    """The same in short, for the README."""
    measured = _quantization()
    lines = ["| dB | " + " | ".join(MODELS) + " |", "|---" * (len(MODELS) + 1) + "|"]
    rows = {
        "ONNX Runtime's `quantize_static`, defaults": ("onnxruntime", "defaults"),
        "its best of some sixty settings": ("onnxruntime", "best"),
        "`smidgen quantize`, int8": ("smidgen", "affine"),
        "the same, int16 activations": ("smidgen", "affine, int16 activations"),
    }
    for name, (whose, setting) in rows.items():
        figures = (f"{measured[m][whose][setting]['sqnr_db']:.1f}" for m in MODELS)
        lines.append(f"| {name} | {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"


_SIMULATORS = {"unicorn": "unicorn", "rtl": "its RTL (Verilator)", "qemu": "QEMU"}
_COUNTED = {"cycles": "cycles counted", "model": "cycles modelled", "instructions": "instructions"}


def targets_table() -> str:
    """Every target with what an inference of each model takes, from bench/targets.json."""
    counted = json.loads((ROOT / "bench/targets.json").read_text(encoding="utf-8"))
    lines = [
        f"| target | core | ISA | simulator | figures | {' | '.join(MODELS)} |",
        "|---|---|---|---|---|" + "---|" * 5,
    ]
    for name in list_targets():
        core = load_target(name).core
        about = (f"`{name}`", core.title, core.architecture, _SIMULATORS[core.simulator], _COUNTED[core.counts])
        figures = (_figure(counted.get(name, {}).get(model)) for model in MODELS)
        lines.append(f"| {' | '.join((*about, *figures))} |")
    return "\n".join(lines) + "\n"


def _figure(row: dict[str, Any] | None) -> str:
    """Millions of cycles, or instructions, and how many a nominal MAC takes."""
    if row is None or "does_not_fit" in row:
        return "-" if row is None else "does not fit"
    taken = row["cycles"] if row["cycles"] is not None else row["instructions"]
    return f"{taken / 1e6:.3f} ({taken / row['macs']:.2f})"


README_TABLES = {"results": results_table, "quantisers": quantisers_summary, "targets": targets_table}


def run(command: str) -> str:
    """The command's stdout, with the synthetic zoo and nothing of this machine."""
    with tempfile.TemporaryDirectory() as empty:
        environment = {k: v for k, v in os.environ.items() if k != "SMIDGEN_ZOO"}
        environment |= {"XDG_DATA_HOME": empty, "COLUMNS": "140"}
        arguments = [sys.executable, "-m", "smidgen.cli.main", *command.split()[1:]]
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True, timeout=300)
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


PAGES = {
    "docs/supported-ops.md": supported_ops_page,
    "docs/cli.md": cli_page,
    "README.md": readme,
    "docs/performance.md": performance,
    "docs/quantization.md": quantization,
}


def stale(update: bool) -> list[str]:
    """The pages that differ from what they should be; written anew if ``update``."""
    found = []
    for path, make in PAGES.items():
        file, text = ROOT / path, make()
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            found.append(path)
            if update:
                file.write_text(text, encoding="utf-8")
    return found


if __name__ == "__main__":
    pages = stale("--update" in sys.argv[1:])
    print(f"stale: {', '.join(pages)}" if pages else "current")
    sys.exit(1 if pages and "--update" not in sys.argv[1:] else 0)
