# SPDX-License-Identifier: Apache-2.0
"""Instruments: sessions written from their documentation, and what goes wrong with instruments and lines."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.energy.monitors import Lpm01a, Recording, capture, js220, open_js220, open_ppk2, ppk2
from smidgen.energy.monitors.accumulate import Accumulator
from smidgen.energy.traces import analyse
from smidgen.errors import DeviceError, LinkLost, NoAnswer, ProtocolError, ToolNotFound, UsageError

SESSION = (Path(__file__).parent / "lpm01a_session.txt").read_text()


class Time:
    """A clock that only what waits moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 1e-3)


class Replay:
    """The instrument's side of a session: answers what the session's host sends, and nothing else."""

    name = "/dev/ttyTEST"

    def __init__(self, session: str, time: Time, chunk: int = 64) -> None:
        self.time, self.chunk = time, chunk
        self.script: list[tuple[str, bytes]] = []
        for line in session.splitlines():
            mark, _, text = line.partition(" ")
            if mark in "><":
                self.script.append((mark, f"{text}\r\n".encode("latin-1")))
            elif mark == "~":
                self.script += [self.script[-1]] * int(text)
        self.out = b""
        self.sent: list[bytes] = []
        self.closed = 0
        self.lost_after: int | None = None

    def write(self, data: bytes) -> None:
        if self.lost_after is not None and not self.lost_after:
            raise LinkLost("gone")
        self.sent.append(data)
        while self.script and self.script[0][0] == "<":  # what it had not sent yet comes before its answer
            self.out += self.script.pop(0)[1]
        if self.script and self.script[0][1] == data:
            self.script.pop(0)
            self._say()

    def _say(self) -> None:
        while self.script and self.script[0][0] == "<":
            self.out += self.script.pop(0)[1]

    def read(self, timeout: float) -> bytes:
        if self.lost_after is not None:
            self.lost_after -= 1
            if self.lost_after <= 0:
                self.lost_after = 0
                raise LinkLost("gone")
        if not self.out:
            self.time.now += timeout
            return b""
        self.time.now += 1e-4
        data, self.out = self.out[: self.chunk], self.out[self.chunk :]
        return data

    def close(self) -> None:
        self.closed += 1


def run(session: str, seconds: float = 2.0, **how: int) -> tuple[Recording, Replay]:
    time = Time()
    line = Replay(session, time, **how)
    return capture(Lpm01a(line, 1.8, time), seconds, clock=time), line


@pytest.mark.parametrize("chunk", [1, 7, 64, 100_000])
def test_a_session_with_an_lpm01a(chunk: int) -> None:
    recording, line = run(SESSION, chunk=chunk)
    expected = [4.212e-5] * 200 + [4.23e-5] * 100 + [4.25e-5] * 1200 + [1.201e-5] * 500 + [1.2e-5, 1.199e-5]
    np.testing.assert_allclose(recording.samples_j, expected, rtol=1e-12)
    assert recording.events == ((0, 200), (1, 300), (2, 1500))
    assert recording.notes == ()
    assert (recording.instrument, recording.rate_hz, recording.supply_v) == ("lpm01a", 1000.0, 1.8)
    assert recording.energy_j == pytest.approx(math.fsum(expected))
    assert recording.power_w == pytest.approx(math.fsum(expected) / 2.002)
    commands = SESSION.splitlines()
    assert line.sent[:13] == [f"{c[2:]}\r\n".encode() for c in commands if c.startswith(">")]
    assert line.sent[13:] == [b"stop\r\n", b"pwr off\r\n", b"hrc\r\n"], "the device is not left under power"
    assert line.closed == 1


def test_a_recording_is_a_trial_of_the_python_runner(tmp_path: Path) -> None:
    recording, _ = run(SESSION)
    (tmp_path / "results.json").write_text(recording.results_json(40))
    report = analyse(tmp_path)
    assert report.supply_v == 1.8
    (window,) = report.windows
    assert (window.samples, window.inferences) == (1200, 40)
    assert window.energy_uj == pytest.approx(1200 * 42.5)
    assert json.loads(recording.results_json(None))[0]["infer"] == {}


def test_the_exponent_is_of_ten() -> None:
    recording, _ = run(SESSION.replace("1199-08", "1199-07"))
    assert recording.samples_j[-1] == pytest.approx(1.199e-4)
    recording, _ = run(SESSION.replace("1199-08", "0001+00"))
    assert recording.samples_j[-1] == 1.0


FAULTS: dict[str, tuple[Callable[[str], str], type[DeviceError], str]] = {
    "silent": (lambda s: s.split("<")[0], NoAnswer, r"nothing answers 'htc' within 3 s\. Is this the port"),
    "another device": (lambda s: s.replace("PowerShield > ack htc", "m-ready"), ProtocolError, "answered by 'm-ready'"),
    "refused": (lambda s: s.replace("ack volt 1800m", "error volt 1800m"), ProtocolError, "refused 'volt 1800m'"),
    "hangs in the middle": (lambda s: s.split("< ack freq")[0], NoAnswer, "nothing answers 'freq 1k'"),
    "gives up": (lambda s: s.replace("event 02 ris", "error: supply short"), ProtocolError, "gave up: 'error: supply"),
    "no end": (lambda s: s.split("< Acquisition")[0], NoAnswer, "did not end its measurement within 3 s of 'stop'"),
    "no line ends": (
        lambda s: s.replace("PowerShield > ack htc", "x" * 9_000), ProtocolError, "without a line end|answered by 'xxx",
    ),
    "nothing measured": (
        lambda s: "\n".join(x for x in s.splitlines() if "-08" not in x and not x.startswith("~")),
        ProtocolError,
        "measured nothing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_goes_wrong_with_an_lpm01a(name: str) -> None:
    change, kind, message = FAULTS[name]
    time = Time()
    line = Replay(change(SESSION), time)
    with pytest.raises(kind, match=message):
        capture(Lpm01a(line, 1.8, time), 2.0, clock=time)
    assert line.closed == 1
    if name in ("refused", "gives up", "no end"):
        assert line.sent[-2:] == [b"pwr off\r\n", b"hrc\r\n"]


@pytest.mark.parametrize("after", [1, 5, 13, 20, 200])
def test_the_instrument_vanishes(after: int) -> None:
    time = Time()
    line = Replay(SESSION, time)
    line.lost_after = after
    with pytest.raises(LinkLost):
        capture(Lpm01a(line, 1.8, time), 2.0, clock=time)
    assert line.closed == 1


def test_lost_data_is_told() -> None:
    recording, _ = run(SESSION.replace("~ 699", "~ 690"))
    assert recording.notes == ("between 0.000 s and 1.000 s of the instrument's clock 991 samples came, not 1000",)
    recording, _ = run(SESSION.replace("buff 01%", "buff 97%"))
    assert recording.notes == ("at 001 s the instrument's buffer was 97 % full: read it faster",)
    recording, _ = run(SESSION.replace("< event 01 ris", "< event 01 ris\n< Buffer overflow: 12 samples dropped"))
    assert recording.notes == ("after 300 samples the instrument said 'Buffer overflow: 12 samples dropped'",)
    recording, _ = run(SESSION.replace("< 1200-08", "< 12\xff0-08"))
    assert math.isnan(recording.samples_j[-2])
    assert recording.notes == ("1 of 2002 samples were damaged on the line: they are no numbers",)
    assert math.isfinite(recording.power_w)


def test_an_interrupt_lets_go_of_it() -> None:
    time = Time()
    line = Replay(SESSION, time)

    def interrupt(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture(Lpm01a(line, 1.8, time), 2.0, interrupt, time)
    assert line.sent[-3:] == [b"stop\r\n", b"pwr off\r\n", b"hrc\r\n"]
    assert line.closed == 1


@pytest.mark.parametrize("supply", [0.0, 1.79, 3.31, math.nan, -2])
def test_a_supply_that_it_cannot_give(supply: float) -> None:
    with pytest.raises(UsageError, match=r"gives 1\.8 to 3\.3 V"):
        Lpm01a(Replay("", Time()), supply)


@given(st.binary(max_size=400))
def test_garbage_never_crashes(data: bytes) -> None:
    time = Time()
    head = SESSION.split("< TimeStamp: 000s")[0]
    line = Replay(head, time)
    monitor = Lpm01a(line, 1.8, time)
    monitor.start()
    line.out += data + b"\r\n4212-08\r\nAcquisition completed\r\n"
    try:
        monitor.poll(0.05)
        recording = monitor.stop()
    except DeviceError:
        return
    assert len(recording.samples_j) >= 1


@given(st.lists(st.integers(0, 37), max_size=30), st.booleans())
def test_milliseconds_do_not_depend_on_the_pieces(cuts: list[int], falling: bool) -> None:
    random = np.random.default_rng(3)
    watts, levels = random.random(400), (random.random(400) > 0.7).astype(np.int64)
    whole, pieces = Accumulator(10_000, falling=falling), Accumulator(10_000, falling=falling)
    whole.add(watts, levels)
    at = 0
    for size in [*cuts, 400]:
        pieces.add(watts[at : at + size], levels[at : at + size])
        at += size
    np.testing.assert_allclose(pieces.samples_j(), whole.samples_j())
    np.testing.assert_allclose(whole.samples_j(), [watts[i : i + 10].sum() / 1e4 for i in range(0, 400, 10)])
    assert pieces.event_list() == whole.event_list()
    steps = np.diff(levels)
    assert len(whole.events) == int(np.count_nonzero(steps == (-1 if falling else 1)))


class FakeJoulescope:
    """joulescope's device as its documentation has it: a buffer of the last second that grows as time passes."""

    def __init__(
        self, watts: float, seconds: float, time: Time, *, gone_at: float = math.inf, kept: int = 10**9
    ) -> None:
        self.time, self.gone_at, self.kept = time, gone_at, kept
        self.begun, self.calls, self.parameters = 0.0, [], {}  # type: ignore[var-annotated]
        count = int(seconds * js220.RAW_HZ)
        self.current = np.full(count, watts / 2, dtype=np.float32)
        self.level = np.zeros(count)
        self.level[100_000:150_000] = 1
        self.level[700_000:] = 1

    def parameter_set(self, name: str, value: object) -> None:
        self.parameters[name] = value

    def start(self) -> None:
        self.calls.append("start")
        self.begun = self.time.now

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")

    @property
    def sample_id_range(self) -> tuple[int, int]:
        end = min(round((min(self.time.now, self.gone_at) - self.begun) * js220.RAW_HZ), len(self.current))
        return max(0, end - self.kept), end

    @property
    def stream_buffer(self) -> FakeJoulescope:
        return self

    def samples_get(self, begin: int, end: int, fields: list[str]) -> object:
        part = slice(begin, end)
        values = {"current": self.current[part], "voltage": np.full(end - begin, 2.0), "current_lsb": self.level[part]}
        return {"signals": {f: {"value": values[f]} for f in fields}}


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    for module in (js220, ppk2):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock, sleep=clock.sleep))
    return clock


def test_a_session_with_a_joulescope(time: Time) -> None:
    device = FakeJoulescope(0.04, 1.0, time)
    recording = capture(js220.Js220(device, 1.8), 1.0, clock=time)
    np.testing.assert_allclose(recording.samples_j, 4e-5, rtol=1e-6)
    assert 990 <= len(recording.samples_j) <= 1000
    assert recording.events == ((0, 100), (1, 700))
    assert recording.notes == ()
    assert device.calls == ["start", "stop", "stop", "close"]
    assert device.parameters["current_lsb"] == "gpi0"


def test_a_joulescope_that_drops_or_vanishes(time: Time) -> None:
    dropped = capture(js220.Js220(FakeJoulescope(0.04, 1.0, time, kept=5_000), 1.8), 0.5, clock=time)
    assert "raw samples were dropped" in dropped.notes[0]
    assert np.isnan(dropped.samples_j).any()
    assert np.nanmax(dropped.samples_j) == pytest.approx(4e-5)
    device = FakeJoulescope(0.04, 9.0, time, gone_at=time.now + 0.3)
    monitor = js220.Js220(device, 1.8)
    monitor.start()
    with pytest.raises(LinkLost, match="sends nothing any more"):
        monitor.poll(9.0)
    with pytest.raises(ProtocolError, match="measured nothing"):
        js220.Js220(FakeJoulescope(0.04, 0.0, time), 1.8).stop()


class FakePpk2:
    """ppk2-api's PPK2_API as its documentation has it."""

    def __init__(self, port: str, **how: object) -> None:
        self.port, self.calls, self.sent = port, [], 0  # type: ignore[var-annotated]
        self.ser = SimpleNamespace(close=lambda: self.calls.append("close"))
        self.most = 60_000

    @staticmethod
    def list_devices() -> list[tuple[str, str]]:
        return [("/dev/ttyACM7", "serial")]

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.calls.append((name, *arguments))

    def get_data(self) -> bytes:
        count = min(1_000, self.most - self.sent)
        self.sent += count
        return b"x" * count

    def get_samples(self, data: bytes) -> tuple[list[float], list[int]]:
        first = self.sent - len(data)
        return [2_000.0] * len(data), [0xFE | (0 if 20_000 <= first + i < 20_100 else 1) for i in range(len(data))]


def install(monkeypatch: pytest.MonkeyPatch, name: str, **members: object) -> None:
    module = ModuleType(name)
    for member, value in members.items():
        setattr(module, member, value)
    monkeypatch.setitem(sys.modules, name, module)


def test_a_session_with_a_ppk2(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "ppk2_api")
    install(monkeypatch, "ppk2_api.ppk2_api", PPK2_API=FakePpk2)
    monitor = open_ppk2(None, 3.0)
    recording = capture(monitor, 0.5, clock=time)
    np.testing.assert_allclose(recording.samples_j, 2e-3 * 3.0 / 1000, rtol=1e-12)
    assert recording.events == ((0, 200),)
    assert "does not measure voltage" in recording.notes[0]
    calls = monitor._kit.calls
    assert calls[:5] == [
        ("get_modifiers",), ("set_source_voltage", 3000), ("use_source_meter",), ("toggle_DUT_power", "ON"),
        ("start_measuring",),
    ]  # fmt: skip
    assert calls[-3:] == [("stop_measuring",), ("toggle_DUT_power", "OFF"), "close"]


def test_a_ppk2_that_vanishes(time: Time) -> None:
    kit = FakePpk2("x")
    monitor = ppk2.Ppk2(kit, 3.0)
    monitor.start()
    with pytest.raises(LinkLost, match="sends nothing any more"):
        monitor.poll(5.0)
    kit.get_data = lambda: (_ for _ in ()).throw(OSError("device disconnected"))  # type: ignore[method-assign]
    with pytest.raises(LinkLost, match="cannot be read: device disconnected"):
        monitor.poll(1.0)
    monitor.close()
    monitor.close()


def test_without_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joulescope", None)
    monkeypatch.setitem(sys.modules, "ppk2_api", None)
    monkeypatch.setitem(sys.modules, "ppk2_api.ppk2_api", None)
    with pytest.raises(ToolNotFound, match=r"pip install 'smidgen\[joulescope\]'"):
        open_js220(3.0)
    with pytest.raises(ToolNotFound, match=r"pip install 'smidgen\[ppk2\]'"):
        open_ppk2(None, 3.0)
    with pytest.raises(UsageError, match=r"gives 0\.8 to 5 V, not 6 V"):
        open_ppk2(None, 6.0)


def test_no_instrument(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(config: str) -> object:
        raise RuntimeError("no devices found")

    install(monkeypatch, "joulescope", scan_require_one=none)
    with pytest.raises(DeviceError, match="no Joulescope can be opened: no devices found"):
        open_js220(3.0)
    install(monkeypatch, "ppk2_api")
    install(monkeypatch, "ppk2_api.ppk2_api", PPK2_API=SimpleNamespace(list_devices=lambda: []))
    with pytest.raises(DeviceError, match="0 PPK2 are plugged in"):
        open_ppk2(None, 3.0)


@given(st.lists(st.tuples(st.integers(0, 2500), st.booleans()), max_size=12), st.integers(0, 11))
def test_what_is_taken_meanwhile_is_the_recording(chunks: list[tuple[int, bool]], begin: int) -> None:
    """From any mark on: the samples and edges that the whole recording has after it."""
    sums = Accumulator(1_000_000, falling=True)
    mark = (0, 0)
    for i, (count, level) in enumerate(chunks):
        if i == begin:
            mark = sums.mark()
        sums.add(np.full(count, float(i)), np.full(count, int(level)))
    samples, events = sums.since(mark)
    np.testing.assert_array_equal(samples, sums.samples_j()[mark[0] :])
    whole = [(n, at) for n, at in sums.events[mark[1] :] if mark[0] <= at <= len(sums.samples_j())]
    assert [(n, at + mark[0]) for n, at in events] == whole


def test_what_an_lpm01a_says_meanwhile() -> None:
    time = Time()
    instrument = Lpm01a(Replay(SESSION, time), 1.8, time)
    instrument.start()
    while instrument.mark() != (300, 1):
        assert instrument.mark()[0] <= 300
        instrument.poll(1e-4)
    mark = instrument.mark()
    instrument.poll(2.0)
    samples, events = instrument.since(mark)
    assert events == ((1, 0), (2, 1200))
    np.testing.assert_allclose(samples[:1200], 4.25e-5)
    assert instrument.notes() == ()
    instrument.close()


def test_a_letter_of_a_sample_that_changed_is_a_lost_sample() -> None:
    recording, _ = run(SESSION.replace("4230-08", "42x0-08", 1))
    assert np.flatnonzero(np.isnan(recording.samples_j)).size == 100, "the session repeats that line"
    assert recording.events == ((0, 200), (1, 300), (2, 1500))
