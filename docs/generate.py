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

from smidgen.cli.main import cli
from smidgen.cli.support import OpRow, supported_ops
from smidgen.results import best_of_each_engine, best_published
from smidgen.schedule import SETTINGS

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


JSON_KEYS: dict[str, dict[str, str]] = {
    "compile": {
        "model, source, target, numerics": "what was compiled, for what, in which arithmetic",
        "macs, live_macs": "nominal, as in the model's file; live: without those whose result is constant or not used",
        "folder, files, digest": "where the C is, its files, SHA-256 over all of them",
        "optimize, max_ram_bytes, max_flash_bytes": "the setting and its limits, null: none",
        "weights": "where weights are read from: flash, staged or sram",
        "notes": "what the importer left out, which steps compute in float32",
        "bytes.{arena,weights,static}": "exact; static: weights copied to RAM at start-up",
        "bytes_modelled.code, bytes_modelled.stack": "before building, from measured kernel sizes",
        "arena_lower_bound_bytes": "no order of execution and no placement needs less",
        "steps[]": "name, source, kernel, cycles_modelled, staged_bytes, flash_bytes.{weights,growth,tables,params} "
        "(the own weights, what packing adds, other arrays, parameters), weight_bits (4, 8 or 32; null: no "
        "weights), rejected[] (kernel, reason)",
    },
    "run": {
        "model, target, cases, mismatches": "mismatches: cases that differ from the reference",
        "outputs[]": "a case: output name to shape, dtype, values, and scale and zero_point of int8",
    },
    "verify": {
        "model, source, target, numerics, toolchain": "what was verified",
        "cases, mismatches": "cases run, and cases with any differing byte in any layer",
        "layers, compared_bytes": "layers of a case, bytes compared in all",
        "first_divergence": "null, or case, step, name, source, kernel, element, expected, got, differing_elements",
    },
    "profile": {
        "model, target, numerics, toolchain, clock_hz": "what was measured",
        "macs, live_macs": "nominal, as in the model's file, and what cycles_per_mac refers to; live: what is computed",
        "instructions, instructions_kind": "`counted`",
        "cycles, cycles_kind, cycles_per_mac, latency_ms": "`modelled`, zero wait states; milliseconds at clock_hz",
        "board_cycles, board_latency_ms": "modelled with the board's flash, prefetch and caches; null without",
        "latency_ms_range": "between which milliseconds silicon is expected, or null: the board was never compared",
        "energy": "energy_uj, range_uj (between which silicon is expected, or null), power_mw, cycle (picojoules, "
        "supply, errors, where from), kind: `modelled`; null: no measured energy of this board",
        "ram.{arena,scratch,stack,static,total}": "bytes; stack counted, the rest read off the image; arena + scratch "
        "is what the header calls ARENA_BYTES",
        "ram_lower_bound": "bytes: the arena that no order of execution and no placement can beat",
        "weights": "where weights are read from: flash, staged or sram",
        "optimize, max_ram_bytes, max_flash_bytes": "the setting and its limits, null: none",
        "flash.{code,weights,total}": "bytes, read off the image; weights: every constant, the steps' parameters too",
        "flash.{live_weights,growth,tables}": "of those: weights that are not dead, in 4 bits where they are "
        "kept so, what packing adds, the rest",
        "layers[]": "index, name, source, kernel, function (its C name, constants included), shape, macs, live_macs, "
        "instructions, cycles, stall_cycles, "
        "cycles_per_mac, ram_bytes (alive in the arena), flash_bytes (its constants, in all), weight_bits, "
        "weight_bytes, growth_bytes, table_bytes, staged_bytes (those copied to the arena)",
        "overhead_cycles": "before the first kernel: the call and the copy of the input",
        "unknown_instructions": "mnemonic to count of what the cycle model has no rule for; empty is right",
        "with --elf": "elf, begin, end, instructions, cycles, latency_ms, stack_bytes, functions[], mix, "
        "cycles_by_rule, unknown_instructions, notes",
    },
    "tune": {
        "model, source, target, toolchain, clock_hz, digest": "what was measured; digest: of all a result holds for",
        "programs_run, measurements.{made,reused}": "programs built and run now; kernels measured now, and before",
        "damaged[]": "files of the cache that were not believed and made anew",
        "steps[]": "name, kernels[] (kernel, cycles with flash and caches, measured: false for scaled predictions)",
        "programs[]": "settings[] of --optimize that take it, board_cycles, latency_ms, ram_bytes, flash_bytes, "
        "kernels[]: none is beaten in all three",
    },
    "quantize": {
        "schema": "1; changes when a field changes its meaning. More: [quantization.md](quantization.md#the-report)",
        "model, source, output, target, optimize": "name, the model's file, what was written, the board of the costs, "
        "and for which setting their kernels are chosen",
        "recipe, split": "the switches, precisions of every layer among them; which samples calibrated, which judged",
        "metric": "float_score, score, drop with its confidence, max_drop, met (null: no bound), output_sqnr_db",
        "costs[]": "float, int8 and chosen: bytes of flash and RAM, cycles, latency_ms, energy_uj, all modelled",
        "layers[], tensors[]": "precision, error, repairs and sensitivity of each layer; range, scale and error of "
        "each activation",
        "search": "what was minimised, whether it finished, assignments judged; null: none",
        "notes[], advice[]": "sentences",
    },
    "check": {
        "model, target, supported, fits": "fits: null when not supported",
        "findings[]": "op, node, reason, remedy: everything unsupported, at once",
        "operators[]": "op, node, kernel",
        "needs.{ram_bytes,flash_bytes}, has.{ram_bytes,flash_bytes}": "modelled before building; what the board has",
    },
    "energy": {
        "of a model, a result or by hand": "name, kind (`modelled`, `measured` or `given`), energy_j, range_j (or "
        "null), latency_s, source, supply_v, notes[]",
        "with --every": "consumer (the above), duty (energy_j, latency_s, period_s, supply_v, sleep_a, wake_j, "
        "wake_s), battery (charge_c, self_discharge_percent; null: none), mean_a, life_s and their ranges, notes[]",
        "with --trace": "kind, folder, runner, sample_rate_hz, supply_v, windows[] (number, begin_s, end_s, seconds, "
        "samples, energy_uj, power_mw, inferences, uj_per_inference), median_uj_per_inference, mean_power_mw, "
        "compared[] (what, printed, recomputed, agrees), figures_compared, figures_that_differ, notes[]",
        "with --monitor": "kind, instrument, folder, sample_rate_hz, supply_v, samples, events[], energy_j, power_w, "
        "notes[]",
    },
    "results": {
        "published[]": "kind: `measured`, benchmark, engine, software, submitter, round, division, board, board_name, "
        "system, variant, status, processor, core, accelerator, clock_mhz, latency_ms, throughput, metric, accuracy, "
        "energy_uj, power_mw, supply_mv, energy_latency_ms, windows, inferences, least_window_s, energy_windows, "
        "duty_cycle, period_s, runner, notes[], source, mcycles, cycles_per_mac",
        "ours[]": "kind: `modelled`, model, source, board, clock_mhz, latency_ms, latency_ms_range, cycles, "
        "cycles_per_mac, energy_uj, energy_uj_range",
    },
    "bench": {
        "folder": "where the files are: TASK/MODE/log.txt, results.txt and results.json",
        "results[]": "task, mode, provenance (`modelled`, `counted` or `measured`), device, folder, inputs, "
        "iterations, window_s[], median_throughput, latency_ms, energy_uj, power_mw, top1, auc, target, met, valid, "
        "notes[]; null: not of this mode",
    },
    "board": {
        "port, link": "the pseudo-terminal, and the name given to it with --link (or null)",
        "target, firmware, baud, time": "what runs behind it; the object is printed at once, before the first command",
    },
    "firmware": {
        "name, task, model_id, target, port, mode, baud": "what it is built for",
        "folder, files[], digest": "where the sources are (null: only built), their paths, SHA-256 over all of them",
        "elf": "the built image; null without --build",
        "notes[]": "what to know of this model in this task",
    },
    "submit": {
        "folder, files, kept[]": "the tree, how many files it has, which were kept as they had been edited",
        "to_fill[], left_out[], modelled[]": "what a person must still fill in, runs not taken, runs that are modelled",
        "check": "what `check-submission --json` says of the tree",
    },
    "check-submission": {
        "round, errors, warnings": "the round whose rules were applied, and how many findings there are",
        "results[]": "division, submitter, system, benchmark, task, status, runner, throughput, windows, "
        "shortest_window_s, metric, accuracy, energy and more, each with `_recomputed` where logs and traces allow; "
        "counts: as the official checker would; errors",
        "findings[]": "severity (error, warning or note), rule, path, line, what, why, remedy, official (the official "
        "checker has the rule as well)",
        "final_report[]": "rows of the official final report",
    },
    "targets": {"targets[]": "name, title, core, clock_hz, flash_bytes, sram_bytes, flash_wait_states"},
    "ops": {"ops[]": "name, tflite[], onnx[], kernels[] (symbol, isa[], limits[]), note"},
    "zoo": {"models[]": "name, task, model, path, synthetic"},
}


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


README_TABLES = {"results": results_table, "quantisers": quantisers_summary}


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
