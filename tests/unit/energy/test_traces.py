# SPDX-License-Identifier: Apache-2.0
"""Energy of recorded runs: formulas, the drift of accumulated time, what results.txt says, damaged files."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.energy.mlc_trace import parse_trials
from smidgen.energy.printed import logged_inferences, parse_results
from smidgen.energy.traces import Trace, analyse, parse_energy, parse_timestamps, trace_windows
from smidgen.errors import InvalidInput

RATE = 1000.0


def energy_bin(samples: np.ndarray, rate: float = RATE) -> bytes:
    return struct.pack("<Bf", 0xF1, rate) + np.asarray(samples, "<f4").tobytes()


def folder(path: Path, samples: np.ndarray, stamps: list[float], **files: str) -> Path:
    path.mkdir(exist_ok=True)
    (path / "trace1-energy.bin").write_bytes(energy_bin(samples))
    (path / "trace1-timestamps.json").write_text(json.dumps(stamps))
    for name, text in files.items():
        (path / f"{name}.txt").write_text(text)
    return path


def walked(samples: np.ndarray, begin: float, end: float, rate: float = RATE) -> tuple[int, float]:
    """The formula, one sample at a time: an independent answer."""
    t, n, total = 0.0, 0, []
    for x in np.asarray(samples, "<f4"):
        if begin <= t < end:
            n += 1
            total.append(float(x))
        t += 1 / rate
    return n, math.fsum(total)


STAMPS = [0.018, 1.064, 13.014, 14.111, 26.061, 27.135, 39.085, 40.182, 52.131, 53.187, 65.137]


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(42.0, 3.0, int(seconds * RATE)).astype(np.float32)


def test_windows_as_walked(tmp_path: Path) -> None:
    samples = noise(67)
    report = analyse(folder(tmp_path / "t", samples, STAMPS, log="io: [dut]: m-infer-start-40\n" * 5))
    assert [w.number for w in report.windows] == [2, 4, 6, 8, 10]
    for window in report.windows:
        begin, end = STAMPS[window.number - 1], STAMPS[window.number]
        n, energy = walked(samples, begin, end)
        assert (window.samples, window.energy_uj) == (n, energy)
        assert window.power_mw == pytest.approx(energy * RATE / n / 1e3, rel=1e-15)
        assert window.uj_per_inference == energy / 40
        assert window.seconds == end - begin
    assert report.median_uj_per_inference == sorted(w.energy_uj / 40 for w in report.windows)[2]
    assert (report.notes, report.compared) == ((), ())


def test_time_is_accumulated_with_its_drift() -> None:
    """Which of two samples a border keeps is decided by the drift of the sum of 1/rate, not by i/rate."""
    count = 60_000
    times = Trace(RATE, np.ones(count), ()).times_s()
    exact = np.arange(count + 1) / RATE
    late = [i for i in range(20_000, count) if times[i] > exact[i]]
    early = [i for i in range(20_000, count) if times[i] < exact[i]]
    assert late, "the drift changes its sign: both cases exist"
    assert early
    for border in (late[0], early[0]):
        trace = Trace(RATE, np.ones(count), (0.0, 10.0, border / RATE))
        window = trace_windows(trace, "t")[0][0]
        n, _ = walked(np.ones(count), 10.0, border / RATE)
        begin = next(i for i in range(9_990, 10_010) if times[i] >= 10.0)
        assert window.samples == n == border - begin + (border in early)


@given(
    st.integers(20, 400),
    st.sampled_from([1000.0, 100.0, 10_000.0, 999.0]),
    st.lists(st.floats(0, 1), min_size=4, max_size=4, unique=True),
)
def test_any_window_as_walked(count: int, rate: float, fractions: list[float]) -> None:
    samples = np.linspace(-1, 5, count).astype(np.float32)
    stamps = [0.0, *sorted(round(f * count / rate, 3) for f in fractions)]
    trace = Trace(rate, samples.astype(np.float64), tuple(stamps))
    expected = [walked(samples, a, b, rate) for a, b in ((stamps[1], stamps[2]), (stamps[3], stamps[4]))]
    if stamps[-1] > count / rate + 0.5 / rate or any(n == 0 for n, _ in expected):
        with pytest.raises(InvalidInput, match=r"holds no sample|last timestamp"):
            trace_windows(trace, "t")
        return
    assert [(w.samples, w.energy_uj) for w in trace_windows(trace, "t")[0]] == expected


def printed(report_windows: list[tuple[int, float, float, float]], median: float) -> str:
    lines = []
    for number, energy, power, each in report_windows:
        lines += [
            f"00148.168 ulp-ml: Energy data for window {number} at time 11.06 for 11.95 sec.:",
            f"00148.168 ulp-ml:   Energy       : {energy:12.3f} uJ",
            f"00148.168 ulp-ml:   Power        : {power:12.3f} uW",
            f"00148.168 ulp-ml:   Energy/Inf.  : {each:12.3f} uJ/inf.",
        ]
    lines += [f"00148.204 ulp-ml: Median energy cost is {median:.3f} uJ/inf."]
    lines += ["ulp-ml: Performance results for window 2:", "ulp-ml:   # Inferences :           40"]
    return "\n".join(lines)


def test_results_txt_is_compared(tmp_path: Path) -> None:
    samples = noise(67)
    plain = analyse(folder(tmp_path / "t", samples, STAMPS), [40])
    rows = [(w.number, w.energy_uj, w.power_mw * 1e3, w.energy_uj / 40) for w in plain.windows]
    median = plain.median_uj_per_inference
    assert median is not None
    right = analyse(folder(tmp_path / "t", samples, STAMPS, results=printed(rows, median)), [40])
    assert (len(right.compared), right.differences) == (16, ())
    rows[2] = (rows[2][0], rows[2][1] + 0.05, *rows[2][2:])
    wrong = analyse(folder(tmp_path / "t", samples, STAMPS, results=printed(rows, median + 0.002)), [40])
    assert [d.what for d in wrong.differences] == ["window 6, energy", "median energy an inference"]


def test_where_the_number_of_inferences_comes_from(tmp_path: Path) -> None:
    path = folder(tmp_path / "t", noise(67), STAMPS)
    unknown = analyse(path)
    assert unknown.median_uj_per_inference is None
    assert any("how many inferences a window holds is not known" in n for n in unknown.notes)
    (path / "results.txt").write_text(
        "".join(f"Performance results for window {w}:\n  # Inferences :  {50 + w}\n" for w in (2, 4, 6, 8, 10))
    )
    assert [w.inferences for w in analyse(path).windows] == [52, 54, 56, 58, 60]
    (path / "log.txt").write_text("".join(f"m-infer-start-{n}\r\n" for n in (11, 12, 13, 14, 15)))
    assert [w.inferences for w in analyse(path).windows] == [11, 12, 13, 14, 15]
    assert [w.inferences for w in analyse(path, [7, 8, 9, 10, 11]).windows] == [7, 8, 9, 10, 11]
    assert "window 2 holds 7 inferences; the rules ask for at least 10" in analyse(path, [7, 8, 9, 10, 11]).notes
    with pytest.raises(InvalidInput, match="5 windows, but the inferences given are"):
        analyse(path, [7, 8])
    with pytest.raises(InvalidInput, match="inferences given"):
        analyse(path, [0])


def test_notes_on_what_the_rules_ask(tmp_path: Path) -> None:
    short = analyse(folder(tmp_path / "t", noise(67), [0.0, 1.0, 10.5, 12.0, 30.0]), [40])
    assert short.notes == (
        "window 2 lasts 9.500 s; the rules ask for at least 10 s",
        "there are 2 windows; the rules ask for 5",
    )
    odd = analyse(folder(tmp_path / "t", noise(67), [0.0, 1.0, 12.5, 14.0]), [40])
    assert odd.notes[0].startswith("4 timestamps: the last one closes no window")


def spoilt(samples: np.ndarray, at: int, value: float) -> np.ndarray:
    copy = samples.copy()
    copy[at] = value
    return copy


BROKEN: dict[str, tuple[Callable[[bytes], bytes], Callable[[str], str], str]] = {
    "magic": (lambda b: b"\xf2" + b[1:], lambda t: t, "begins with 0xF2, not 0xF1"),
    "empty": (lambda b: b"", lambda t: t, "0 bytes; a trace begins with a header"),
    "header only": (lambda b: b[:5], lambda t: t, "holds no samples"),
    "cut in a sample": (lambda b: b[:-3], lambda t: t, "end in the middle of a sample"),
    "cut": (lambda b: b[: 5 + 4 * 60_000], lambda t: t, "ends at 60.000 s, but the last timestamp is at 65.137 s"),
    "rate nan": (lambda b: struct.pack("<Bf", 0xF1, math.nan) + b[5:], lambda t: t, "no instrument has"),
    "rate 0": (lambda b: struct.pack("<Bf", 0xF1, 0) + b[5:], lambda t: t, "the sample rate is 0.0 Hz"),
    "rate < 0": (lambda b: struct.pack("<Bf", 0xF1, -1e3) + b[5:], lambda t: t, "the sample rate is -1000.0 Hz"),
    "other rate": (lambda b: struct.pack("<Bf", 0xF1, 1e5) + b[5:], lambda t: t, "the last timestamp"),
    "no json": (lambda b: b, lambda t: t[:-1], "not JSON"),
    "object": (lambda b: b, lambda t: "{}", "a list of seconds is expected, not dict"),
    "deep": (lambda b: b, lambda t: "[" * 100_000, "not JSON"),
    "text": (lambda b: b, lambda t: '[0, "1", 2]', "entry 1 is '1', not seconds"),
    "true": (lambda b: b, lambda t: "[0, true, 2]", "entry 1 is True"),
    "NaN": (lambda b: b, lambda t: "[0, NaN, 2]", "entry 1 is nan"),
    "huge": (lambda b: b, lambda t: f"[0, 1, 1{'0' * 400}]", "entry 2 is 1000"),
    "negative": (lambda b: b, lambda t: "[-1, 1, 2]", "entry 0 is -1"),
    "not ascending": (lambda b: b, lambda t: "[0, 3, 2]", r"entry 2 \(2 s\) is not after the one before \(3 s\)"),
    "too few": (lambda b: b, lambda t: "[0, 3]", "2 timestamps; one mark and two for each window"),
    "between samples": (lambda b: b, lambda t: "[0, 3.0001, 3.0002]", "holds no sample"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    path = folder(tmp_path / "t", noise(67), STAMPS)
    change_bin, change_json, message = BROKEN[name]
    for file, change in (("trace1-energy.bin", change_bin),):
        (path / file).write_bytes(change((path / file).read_bytes()))
    stamps = path / "trace1-timestamps.json"
    stamps.write_text(change_json(stamps.read_text()))
    with pytest.raises(InvalidInput, match=message):
        analyse(path, [40])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_samples_that_are_no_numbers(value: float, tmp_path: Path) -> None:
    inside = folder(tmp_path / "t", spoilt(noise(67), 2_000, value), STAMPS)
    with pytest.raises(InvalidInput, match=r"sample 2000 in window 2 is .*The instrument lost data"):
        analyse(inside, [40])
    outside = analyse(folder(tmp_path / "t", spoilt(noise(67), 100, value), STAMPS), [40])
    assert outside.notes == ("1 samples outside the windows are no numbers: the instrument lost data there",)
    assert math.isfinite(outside.mean_power_mw)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a folder"):
        analyse(tmp_path / "none")
    with pytest.raises(InvalidInput, match="holds no trace: neither trace1-energy"):
        analyse(tmp_path)
    path = folder(tmp_path / "t", noise(67), STAMPS)
    (path / "trace1-timestamps.json").unlink()
    with pytest.raises(InvalidInput, match="does not exist"):
        analyse(path)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_readers(data: bytes) -> None:
    for read in (parse_energy, parse_timestamps, parse_trials):
        try:
            read(data, "x")
        except InvalidInput:
            continue
    parse_results(data.decode("latin-1"))
    logged_inferences(data.decode("latin-1"))


def trial(seed: int = 0, **changes: object) -> dict[str, object]:
    samples = (noise(14, seed) * 1e-6).astype(float).tolist()
    power = {"samples": samples, "timestamps": [["00", 15], ["01", 900], ["02", 12_532]], "voltage": 3.0} | changes
    return {"file": "a.bin", "infer": {"iterations": 70, "warmups": 1}, "power": power}


def save(path: Path, document: object) -> Path:
    path.mkdir(exist_ok=True)
    (path / "results.json").write_text(json.dumps(document))
    return path


def test_the_python_runner_s_results(tmp_path: Path) -> None:
    path = save(tmp_path / "m", [*(trial(i) for i in range(5)), {"error": "error 2"}])
    report = analyse(path)
    assert (report.runner, report.supply_v, report.notes, len(report.windows)) == ("MLC", 3.0, (), 5)
    for i, window in enumerate(report.windows):
        values = [1e6 * float(v) for v in trial(i)["power"]["samples"][900:12_532]]  # type: ignore[index]
        assert window.energy_uj == pytest.approx(math.fsum(values), rel=1e-12)
        assert (window.number, window.samples, window.seconds) == (i, 11_632, pytest.approx(11.632))
    w = report.windows[0]
    (path / "results.txt").write_text(
        f"Energy data for trial 0\n  Elapsed time  : 11.632\n  Inferences    : 70\n"
        f"  Power         : {w.power_mw:.4f} mW.\n  Total Energy  : {w.energy_uj:.3f} uJ\n"
        f"  Energy/Inf    : {w.energy_uj / 70:.3f} uJ/inf\nMedian energy cost is "
        f"{report.median_uj_per_inference:5.4f} uJ/inf.\n"
    )
    again = analyse(path)
    assert (len(again.compared), again.differences) == (4, ())


def test_a_stream_has_power_and_no_energy_an_inference(tmp_path: Path) -> None:
    report = analyse(save(tmp_path / "m", [trial() | {"dutycycle": {"duty_cycle": 0.5}}]))
    assert (report.median_uj_per_inference, report.notes) == (None, ())
    assert report.mean_power_mw == pytest.approx(42.0, rel=0.01)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "a list of one object a trial"),
        ([], "holds no trials"),
        ([{"error": "error 1"}], "holds no trials"),
        ([{"infer": {}}], "trial 0: no 'power'"),
        ([trial(samples="x")], "'samples' is not a list of joules"),
        ([trial(samples=[1, None])], "'samples' is not a list of joules"),
        ([trial(timestamps=3)], r"'timestamps' is not a list of \[event, sample\]"),
        ([trial(timestamps=[[1, 2, 3]])], r"timestamp .* is not \[event, sample\]"),
        ([trial(timestamps=[["00", 15]])], "1 timestamps; the last two bound the window"),
        ([trial(timestamps=[["00", 15], ["02", 12_000]])], "events 0 and 2 are not consecutive"),
        ([trial(timestamps=[["00", 15], ["01", 15_000]])], "from sample 15 to 15000 of 14000"),
        ([trial(timestamps=[["00", 15], ["01", 15]])], "from sample 15 to 15"),
        ([trial(samples=[1e-6] * 500 + [math.nan] * 500, timestamps=[["0", 10], ["1", 900]])], "sample 500"),
    ],
)
def test_damaged_results_json(document: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=message):
        analyse(save(tmp_path / "m", document))


PUBLISHED = os.environ.get("SMIDGEN_TRACES")


@pytest.mark.full
@pytest.mark.skipif(
    not PUBLISHED, reason="SMIDGEN_TRACES: a folder with checkouts of github.com/mlcommons/tiny_results_*"
)
def test_published_traces() -> None:
    """Every figure that was printed beside a published trace, recomputed."""
    paths = [p for name in ("trace1-energy.bin", "energy/results.json") for p in Path(PUBLISHED or "").rglob(name)]
    reports = [analyse(p.parent) for p in sorted(paths)]
    assert sum(len(r.compared) for r in reports) > 10
    assert [d for r in reports for d in r.differences] == []
