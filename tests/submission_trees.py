# SPDX-License-Identifier: Apache-2.0
"""Submission trees made up for tests: right in everything, to be broken in one thing at a time."""

from __future__ import annotations

import json
import statistics
import struct
from collections.abc import Sequence
from pathlib import Path

from smidgen.mlperf.submission.labels import label_table
from smidgen.mlperf.submission.system import KEYS

SYSTEM = "board_one"
TOP = f"closed/acme/results/{SYSTEM}"
SCORES = {"ic": 10, "kws": 12, "vww": 2}
_KWS_NAMES = ("Down", "Go", "Left", "No", "Off", "On", "Right", "Stop", "Up", "Yes", "Silence", "Unknown")

Files = dict[str, bytes]


def data_set(task: str, count: int | None = None) -> list[tuple[str, int]]:
    """Files and labels of the official set."""
    if task == "kws":
        found = [(f"tst_{i:06}_{_KWS_NAMES[i % 12]}_{i % 12}.bin", i % 12) for i in range(1000)]
    else:
        found = list(label_table(task).items())
    return found[:count]


def scores(task: str, label: int, index: int) -> list[float]:
    """What a device answers: right, except for one input in ten."""
    said = (label + 1) % SCORES[task] if index % 10 == 9 else label
    rest = round(0.1 / (SCORES[task] - 1), 3)
    return [0.9 if i == said else rest for i in range(SCORES[task])]


def description(**changes: object) -> bytes:
    values: dict[str, object] = dict.fromkeys(KEYS, "something")
    values |= {"Submitter": "acme", "Division": "Closed", "Status": "Available", **changes}
    return json.dumps(values, indent=1).encode()


def python_tree(tasks: Sequence[str] = ("ic",), energy: bool = False) -> Files:
    """A submission measured with the Python runner."""
    files = _around(energy)
    for task in tasks:
        files |= {f"{TOP}/{task}/performance/{n}": d for n, d in python_performance(task).items()}
        files |= {f"{TOP}/{task}/accuracy/{n}": d for n, d in python_accuracy(task).items()}
        if energy:
            files |= {f"{TOP}/{task}/energy/{n}": d for n, d in python_energy(task).items()}
    return files


def energyrunner_tree(tasks: Sequence[str] = ("ic",), energy: bool = True) -> Files:
    """A submission measured with EnergyRunner."""
    files = _around(energy)
    for task in tasks:
        files[f"{TOP}/{task}/EEMBC_RUNNER"] = b""
        files |= {f"{TOP}/{task}/performance/{n}": d for n, d in eembc_performance(task).items()}
        files |= {f"{TOP}/{task}/accuracy/{n}": d for n, d in eembc_accuracy(task).items()}
        if energy:
            files |= {f"{TOP}/{task}/energy/{n}": d for n, d in eembc_energy(task).items()}
    return files


def _around(energy: bool) -> Files:
    files = {
        f"closed/acme/systems/{SYSTEM}.json": description(),
        "closed/acme/systems/TinyMLPerf_v1.3_Submission_Checklist.pdf": b"%PDF-1.4",
        "closed/acme/code/README.md": b"how it was built\n",
    }
    return files | ({"closed/acme/systems/Energy-Hookup.pdf": b"%PDF-1.4"} if energy else {})


def _head(task: str, board: str = "COM3") -> list[str]:
    return [
        "Logging initialized. Writing output to log.txt",
        f"Initializing SerialDevice on port: {board} at 115200 baud",
        "Device name retrieved: acme",
        "Device profile retrieved: ULPMark for tinyML Firmware V0.0.1",
        f"Device model retrieved: {task}01",
    ]


def _text(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def python_performance(
    task: str, seconds: Sequence[float] = (10.5, 10.5, 10.6, 10.7, 10.8), n: int = 50, board: str = "COM3"
) -> Files:
    entries, log, results = [], _head(task, board), []
    for i, (s, (file, label)) in enumerate(zip(seconds, data_set(task, len(seconds)), strict=True)):
        answer = scores(task, label, i)
        infer = {
            "start_time": 0, "end_time": round(s * 1e6), "results": answer, "elapsed_time": round(s * 1e6),
            "total_inferences": 1, "iterations": n, "warmups": 1, "throughput": n / s,
        }  # fmt: skip
        entries.append({"file": file, "classes": "10", "class": str(label), "infer": infer, "mode": "p"})
        log += _python_log(i, file, s, n, answer)
        results += [
            f"Performance results for window {i + 1}",
            f"    # Inferences : {n}",
            f"    Runtime: {s} sec.",
            f"    Throughput: {n / s} inf./sec.",
        ]
    median = statistics.median(n / s for s in seconds)
    results.append(f"0726.010245 ulp-mlperf: Median throughput is {median:>10.3f} inf./sec.")
    return {"log.txt": _text(log), "results.txt": _text(results), "results.json": json.dumps(entries).encode()}


def _python_log(i: int, file: str, s: float, n: int, answer: Sequence[float]) -> list[str]:
    at = "0726.010150 ulp-mlperf:"
    return [
        f"{at} Loading file {file} segment 0",
        f"{at} Load complete.",
        f"Running inference with 1/{n} (warmup/measured) iterations ...",
        "done",
        f"{at} Performance results for window {i + 1}:",
        f"{at}   # Inferences : {n:>13}",
        f"{at}   Runtime      : {s:>10.3f} sec.",
        f"{at}   Throughput   : {n / s:>10.3f} inf./sec.",
        f"{at}   m-results    : {list(answer)}",
    ]


def python_accuracy(task: str) -> Files:
    entries, log = [], _head(task)
    for i, (file, label) in enumerate(data_set(task)):
        answer = scores(task, label, i)
        infer = {"results": answer, "elapsed_time": 44_000, "iterations": 1, "warmups": 0, "total_inferences": 1}
        entries.append({"file": file, "classes": "10", "class": str(label), "infer": infer, "mode": "a"})
        log += _python_log(i, file, 0.044, 1, answer)
    results = ["0726.010109 ulp-mlperf: Top 1% = 90.0", "0726.010109 ulp-mlperf: AUC = 0.990"]
    return {"log.txt": _text(log), "results.txt": _text(results), "results.json": json.dumps(entries).encode()}


def python_energy(task: str, microjoules: float = 36.0, n: int = 50) -> Files:
    entries, log, results = [], _head(task), ["Power Edition Output"]
    samples, edges = [microjoules * 1e-6] * 11_000, [["00", 10], ["01", 200], ["02", 10_700]]
    total = microjoules * 10_500
    for i, (file, label) in enumerate(data_set(task, 5)):
        infer = {"results": scores(task, label, i), "iterations": n, "warmups": 1, "total_inferences": 1}
        power = {"samples": samples, "timestamps": edges, "extracted_power": None, "voltage": 3}
        entries.append(
            {"file": file, "classes": "10", "class": str(label), "infer": infer, "power": power, "mode": "e"}
        )
        results += [
            f"Energy data for trial {i}",
            "  Elapsed time  : 10.5",
            f"  Inferences    : {n}",
            f"  Power         : {total / 10.5 / 1e3:5.4f} mW.",
            f"  Total Energy  : {total:.3f} uJ",
            f"  Energy/Inf    : {total / n:.3f} uJ/inf",
        ]
    results.append(f"Median energy cost is {total / n:5.4f} uJ/inf.")
    return {"log.txt": _text(log), "results.txt": _text(results), "results.json": json.dumps(entries).encode()}


class _Log:
    """Lines of an EnergyRunner log, each with its time."""

    def __init__(self, task: str, mode: str = "performance") -> None:
        self.lines: list[str] = []
        self.task, self.io = task, mode == "energy"
        self.say("session", "m-session-start-id[20230517103140]")
        self.dut(f"m-timestamp-mode-{mode}")
        self.dut("m-name-dut-[acme]")
        self.dut(f"m-model-[{task}01]")

    def say(self, who: str, text: str) -> None:
        self.lines.append(f"00010.707 {who}: {text}")

    def dut(self, text: str) -> None:
        self.say(*(("io", f"[dut]: {text}") if self.io else ("dut", text)))

    def infer(self, file: str, n: int, w: int, seconds: float | None, answer: Sequence[float]) -> None:
        load, command = ("bloadp", "io dut") if self.io else ("bload dut", "dut")
        self.say("parser", f'Command "{load} "C:\\runner\\datasets\\{self.task}01\\{file}""')
        self.say("parser", f'Command "{command} infer {n} {w}"')
        self.dut(f"m-infer-start-{n}")
        if seconds is not None:
            self.dut(f"m-lap-us-{4_294_000_000}")  # wraps in the window
            self.dut(f"m-lap-us-{(4_294_000_000 + round(seconds * 1e6)) % 2**32}")
        self.dut(f"m-results-[{','.join(f'{v:0.3f}' for v in answer)}]")
        self.dut("m-ready")


def _script(task: str, files: Sequence[tuple[str, int]], n: int, w: int, prefix: str = "") -> bytes:
    parts = [
        f"    {{ cmd: 'bload dut \"{task}01/{f}\"', ms: 1 }},\n    {{ cmd: '{prefix}dut infer {n} {w}' }}"
        for f, _ in files
    ]
    return ("[\n" + ",\n".join(parts) + "\n]\n").encode()


def eembc_performance(task: str, seconds: float = 10.7, n: int = 50) -> Files:
    log, files = _Log(task), data_set(task, 5)
    results = []
    for i, (file, label) in enumerate(files):
        log.infer(file, n, 1, seconds, scores(task, label, i))
        results += _eembc_window(2 * i + 2, seconds, n, "ulp-mlperf")
    results.append(f"00094.433 ulp-mlperf: Median throughput is {n / seconds:.3f} inf./sec.")
    return {"log.txt": _text(log.lines), "results.txt": _text(results), "script.async": _script(task, files, n, 1)}


def _eembc_window(number: int, seconds: float, n: int, who: str) -> list[str]:
    at = f"00094.431 {who}:"
    return [
        f"{at} Performance results for window {number}:",
        f"{at}   # Inferences : {n:>12}",
        f"{at}   Runtime      : {seconds:>12.3f} sec.",
        f"{at}   Throughput   : {n / seconds:>12.3f} inf./sec.",
        f"{at} Runtime requirements have been met.",
    ]


def eembc_accuracy(task: str) -> Files:
    log, files = _Log(task), data_set(task)
    for i, (file, label) in enumerate(files):
        log.infer(file, 1, 0, 0.05, scores(task, label, i))
    results = ["00243.391 ulp-mlperf: Top-1: 90.0%", "00243.411 ulp-mlperf: AUC: 0.99"]
    return {"log.txt": _text(log.lines), "results.txt": _text(results), "script.async": _script(task, files, 1, 0)}


def eembc_energy(task: str, microjoules: float = 32.0, n: int = 50) -> Files:
    log, files = _Log(task, "energy"), data_set(task, 5)
    stamps, results = [0.5], []
    for i, (file, label) in enumerate(files):
        log.infer(file, n, 1, None, scores(task, label, i))
        begin = 1.0 + 12 * i
        stamps += [begin + 0.0005, begin + 10.7005]
        at = "00123.744 ulp-ml:"
        total = microjoules * 10_700
        results += [
            f"{at} Energy data for window {2 * i + 2} at time {begin:.2f} for 10.70 sec.:",
            f"{at}   Energy       : {total:>12.3f} uJ",
            f"{at}   Power        : {microjoules * 1000:>12.3f} uW",
            f"{at}   Energy/Inf.  : {total / n:>12.3f} uJ/inf.",
        ]
    results.append(f"00123.772 ulp-ml: Median energy cost is {total / n:.3f} uJ/inf.")
    for i in range(5):
        results += _eembc_window(2 * i + 2, 10.7, n, "ulp-ml")
    trace = struct.pack("<Bf", 0xF1, 1000.0) + struct.pack("<f", microjoules) * 62_000
    return {
        "log.txt": _text(log.lines),
        "results.txt": _text(results),
        "script.async": _script(task, files, n, 1, "io "),
        "trace1-energy.bin": trace,
        "trace1-timestamps.json": json.dumps(stamps).encode(),
    }


def streaming(power: bool = True) -> Files:
    """A streaming wakeword run: 50 words, 46 of them found, two false alarms."""
    words = [[10.0 + 20 * i, 10.6 + 20 * i] for i in range(50)]
    detections = [100, *(round(w[0] * 1000) + 600 for w in words[:46]), 1_015_000, 1_016_500]
    starts = [0.05 + 0.032 * i for i in range(100)]
    infer = {"wav_file": "long_wav.wav", "detection_windows": words, "length_sec": 1200.0, "sample_rate": 16000}
    duty = {
        "duty_cycle": 0.5, "period": 0.032, "processing_time": 0.016, "start_times_s": starts,
        "stop_times_s": [s + 0.016 for s in starts],
    }  # fmt: skip
    entry: dict[str, object] = {"infer": {**infer, "detections": sorted(detections)}, "dutycycle": duty, "mode": "e"}
    results = []
    if power:
        entry["power"] = {"samples": [25e-6] * 2000, "timestamps": [["00", 10], ["01", 1910]], "voltage": 3}
        results = [
            "Power Edition Output", "Energy data for trial 0", "  Elapsed time  : 1.9", "  Inferences    : 1",
            "  Power         : 25.0000 mW.", "  Total Energy  : 47500.000 uJ", "  Energy/Inf    : 47500.000 uJ/inf",
            "Median energy cost is 47500.0000 uJ/inf.",
        ]  # fmt: skip
    results += [
        "Accuracy: 46 True positives, 4 False negatives, 2 False positives", "Average duty cycle: 0.5",
        "Average period: 0.032 s", "Estimated throughput: 62.5 inf./sec.",
    ]  # fmt: skip
    files = {
        "log.txt": _text(_head("sww")), "results.txt": _text(results), "results.json": json.dumps([entry]).encode(),
    }  # fmt: skip
    return files | ({"energy_inf_000.png": b"\x89PNG"} if power else {})


def write_tree(root: Path, files: Files) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def small_python_tree() -> Files:
    """All that the Python runner can measure, small: ic with energy, and a stream."""
    files = python_tree(("ic",), energy=True)
    return files | {f"{TOP}/sww/energy/{n}": d for n, d in streaming().items()}
