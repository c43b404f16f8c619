# SPDX-License-Identifier: Apache-2.0
"""The runner against a device, or a line to it, that misbehaves: it recovers, or stops with one clear message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import DeviceError, LinkLost, NoAnswer
from smidgen.mlperf.formats.results_log import COUNTER
from smidgen.mlperf.formats.results_types import Mode
from smidgen.mlperf.runner.measure import Bench, Job, Order
from smidgen.mlperf.runner.protocol import Device, Refused
from smidgen.mlperf.tasks import TASKS
from tests.mlperf.peer import Faults, Peer, PeerMonitor, answer

_KWS = TASKS["kws"]
_DATA = bytes(range(256)) + bytes(234)
_JOB = Job(0, "a.bin", 12, 3, 0, 1, _DATA)
_OPENING = 3  # commands before the first input: name, profile, timestamp
_LOAD = 1 + 16 + 1  # commands of a download: the last byte goes alone


class _Clock:
    """Time that passes only while somebody waits: tests of timeouts take none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("smidgen.mlperf.runner.protocol.time.sleep", self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        self.now += 1e-4
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    return _Clock(monkeypatch)


def _bench(
    peer: Peer, clock: _Clock, mode: Mode = "accuracy", notes: list[str] | None = None, *, verify: bool = False
) -> Bench:
    order = Order(peer.task, mode, warmups=2, verify=verify)
    monitor = PeerMonitor(peer) if peer.faults.energy else None
    return Bench(Device(peer, clock=clock), order, monitor, (notes if notes is not None else []).append)


def _measured(
    faults: Faults, clock: _Clock, *, mode: Mode = "accuracy", verify: bool = False
) -> tuple[Peer, list[str]]:
    """Measure one input; the entry must be right. Returns the peer and the notes of what was recovered from."""
    peer, notes = Peer(_KWS, faults=faults), []
    made = _bench(peer, clock, mode, notes, verify=verify)
    made.open()
    entry = made.measure(_JOB)
    assert entry.results == answer(_KWS, _DATA)
    return peer, notes


def test_a_sound_device(clock: _Clock) -> None:
    peer, notes = _measured(Faults(), clock)
    assert not notes
    assert peer.commands[:_OPENING] == ["name", "profile", "timestamp"]
    assert peer.commands[_OPENING] == "db load 490"
    assert peer.commands[_OPENING + 1] == f"db {_DATA[:31].hex()}"
    assert peer.commands[_OPENING + _LOAD :] == ["infer 1 0"]
    assert max(map(len, peer.commands)) < 80


@pytest.mark.parametrize(
    "faults",
    [
        Faults(noise=("\x1b[32mDone inference ...OK\x1b[0m", "debug: 1,2,3", "")),
        Faults(garbage=b"\x00\xff\x80"),
        Faults(fragment_bytes=1),
        Faults(fragment_bytes=7, noise=("x" * 200,)),
        Faults(boot_text=False),
    ],
)
def test_noise_is_tolerated(faults: Faults, clock: _Clock) -> None:
    _, notes = _measured(faults, clock)
    assert not notes


@settings(max_examples=50)
@given(
    st.sampled_from(["drop_received", "double_received", "drop_sent", "double_sent"]),
    st.sets(st.integers(1, 1300), min_size=1, max_size=2),
)
def test_lost_and_doubled_bytes_never_give_a_wrong_entry(kind: str, at: set[int]) -> None:
    """Whatever is lost or doubled, the input was right: results are those of what was to be sent.

    A figure whose digit is lost on the way back is found by --verify only.
    """
    with pytest.MonkeyPatch.context() as patch:
        _measured(replace(Faults(), **{kind: frozenset(at)}), _Clock(patch), verify=True)


def test_a_lost_digit_of_an_input_is_found_without_verify(clock: _Clock) -> None:
    at = len("name%profile%timestamp%db load 490%db ") + 10
    for kind in ("drop_received", "double_received"):
        peer, notes = _measured(replace(Faults(), **{kind: frozenset({at})}), clock)
        assert "Insufficent number of hex digits" in notes[0]
        assert peer.loads == 2
    for pair in ({at, at + 1},):
        _, notes = _measured(Faults(drop_received=frozenset(pair)), clock)
        assert "m-load-done missing" in notes[0]
        _, notes = _measured(Faults(double_received=frozenset({at, at + 1})), clock)
        assert "too early" in notes[0]


def test_a_changed_digit_is_found_by_verify(clock: _Clock) -> None:
    at = len("name%profile%timestamp%db load 490%db ") + 10
    _, notes = _measured(Faults(flip_received=frozenset({at})), clock, verify=True)
    assert "buffer differs from what was sent, from byte 4" in notes[0]


@pytest.mark.parametrize("command", [_OPENING + 1, _OPENING + 4, _OPENING + _LOAD, _OPENING + _LOAD + 1])
def test_a_reset_in_the_middle(command: int, clock: _Clock) -> None:
    peer, notes = _measured(Faults(reset_at_command=frozenset({command})), clock)
    assert "started anew" in notes[0]
    assert peer.loads == (2 if command > _OPENING + 1 else 1)


def test_a_device_that_resets_for_ever(clock: _Clock) -> None:
    resets = frozenset(range(_OPENING + _LOAD + 1, 1000, _LOAD + 3))
    with pytest.raises(DeviceError, match=r"a\.bin: given up after 4 tries.*--resume"):
        _measured(Faults(reset_at_command=resets), clock)


def test_a_device_that_hangs(clock: _Clock) -> None:
    with pytest.raises(DeviceError, match=r"no answer to 'infer 1 0'.*it hangs\. Reset it; --resume"):
        _measured(Faults(hang_at_command=_OPENING + _LOAD + 1), clock)
    with pytest.raises(NoAnswer, match=r"nothing arrived\. Is the firmware running"):
        _measured(Faults(hang_at_command=1, boot_text=False), clock)


def test_a_port_that_vanishes(clock: _Clock) -> None:
    with pytest.raises(LinkLost, match="gone"):
        _measured(Faults(vanish_at_command=_OPENING + 5), clock)


def test_the_wrong_baud_rate(clock: _Clock) -> None:
    with pytest.raises(NoAnswer, match="only bytes that are no text: is it the wrong baud rate"):
        _measured(Faults(wrong_baud=True), clock)


def test_another_model(clock: _Clock) -> None:
    peer = Peer(_KWS, model_id="ic01")
    with pytest.raises(DeviceError, match=r"holds the model ic01 \(peer\), not kws01: bench ic, or flash the firmware"):
        _bench(peer, clock).open()


def test_firmware_of_the_other_mode(clock: _Clock) -> None:
    with pytest.raises(DeviceError, match="runs energy firmware"):
        _bench(Peer(_KWS, faults=Faults(energy=True)), clock, "performance").open()
    with pytest.raises(DeviceError, match="runs performance firmware"):
        _bench(Peer(_KWS), clock, "energy").open()


def _windows(peer: Peer, clock: _Clock, mode: Mode = "performance") -> Sequence[tuple[int, float]]:
    made = _bench(peer, clock, mode)
    made.open()
    entries = [made.measure(_JOB) for _ in range(5)]
    return [(e.iterations or 0, (e.elapsed_us or 0) / 1e6) for e in entries]


@pytest.mark.parametrize("us", [3.0, 900.0, 40_000.0, 2_500_000.0])
def test_windows_are_long_enough(us: float, clock: _Clock) -> None:
    """Ten seconds and ten inferences, across a wrap of the counter, and not much longer than needed."""
    for count, seconds in _windows(Peer(_KWS, us, clock_us=COUNTER - 15e6), clock):
        assert count >= 10
        assert 10.0 < seconds < max(10.7, 10.1 * us / 1e6)


def test_short_windows_are_run_again(clock: _Clock) -> None:
    peer = Peer(_KWS, 40_000.0, faults=Faults(slow_inferences=200))
    assert all(seconds > 10.0 for _, seconds in _windows(peer, clock))
    with pytest.raises(DeviceError, match="time stamps are not steady"):
        _windows(Peer(_KWS, 40_000.0, faults=Faults(drift=0.5)), clock)


def test_energy_windows(clock: _Clock) -> None:
    peer = Peer(_KWS, 40_000.0, faults=Faults(energy=True))
    made = _bench(peer, clock, "energy")
    made.open()
    entry = made.measure(_JOB)
    assert entry.power is not None
    assert entry.elapsed_us is None
    assert entry.power.events[-1][1] - entry.power.events[-2][1] >= 10_000


def test_a_refusal_that_stays(clock: _Clock) -> None:
    peer = Peer(_KWS, answer=lambda data: (1.0, 2.0))
    made = _bench(peer, clock)
    made.open()
    with pytest.raises(DeviceError, match="2 results, a device of kws has 12") as caught:
        made.measure(_JOB)
    assert not isinstance(caught.value, Refused)
