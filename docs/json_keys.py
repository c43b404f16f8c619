# SPDX-License-Identifier: Apache-2.0
"""What each command prints with --json, for docs/cli.md: keys and what they mean, by command."""

JSON_KEYS: dict[str, dict[str, str]] = {
    "compile": {
        "model, source, target, numerics": "what was compiled, for what, in which arithmetic",
        "macs, live_macs": "nominal, as in the model's file; live: without those whose result is constant or not used",
        "folder, files, digest": "where the C is, its files, SHA-256 over all of them",
        "optimize, max_ram_bytes, max_flash_bytes": "the setting and its limits, null: none",
        "weights": "where weights are read from: flash, staged or sram",
        "notes": "what the importer left out, which steps compute in float32",
        "library": "null, or the library that kernels call: name, version, SHA-256 of its files in use",
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
        "model, target, numerics, toolchain, simulator, clock_hz": "what was measured, built and run with what",
        "macs, live_macs": "nominal, as in the model's file, and what cycles_per_mac refers to; live: what is computed",
        "instructions, instructions_kind": "`counted`",
        "cycles, cycles_kind, cycles_per_mac, latency_ms": "`modelled`, or `counted` on the core's RTL, zero wait "
        "states; milliseconds at clock_hz; all null, layers' too, where nothing but instructions is known",
        "instructions_per_mac": "of nominal MACs",
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
        "functions[]": "on a core simulated from its RTL, without what they call: name, instructions, cycles",
        "library": "null, or the library that kernels call: name, version, SHA-256 of its files in use",
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
    "targets": {
        "targets[]": "name, title, core, architecture, simulator, counts, clock_hz, flash_bytes, sram_bytes, "
        "flash_wait_states"
    },
    "ops": {"ops[]": "name, tflite[], onnx[], kernels[] (symbol, isa[], limits[]), note"},
    "zoo": {"models[]": "name, task, model, path, synthetic"},
}
