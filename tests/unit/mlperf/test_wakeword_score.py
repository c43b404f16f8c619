# SPDX-License-Identifier: Apache-2.0
"""Scoring of a streaming run against what the official runner computes."""

from __future__ import annotations

import random

import pytest

from smidgen.errors import ProtocolError
from smidgen.mlperf.board import PinEvent
from smidgen.mlperf.wakeword.edges import parse_activations, parse_detections, parse_duty_cycle, record
from smidgen.mlperf.wakeword.score import duty_cycle, score

# (true positives, false negatives, false positives, sum of the latters' times in ms) of ``case(0)``, ``case(1)``, ...:
# made with calc_detection_stats of mlcommons/tiny 1afd2c9 (which agreed on 3,000 such cases).
OFFICIAL = (
    (7, 0, 10, 200719), (3, 0, 6, 48057), (1, 0, 5, 19284), (4, 0, 5, 56565), (3, 1, 1, 13162), (9, 1, 11, 229863),
    (5, 5, 0, 0), (5, 1, 4, 66600), (4, 0, 9, 64755), (8, 0, 6, 114966), (8, 2, 1, 6054), (7, 1, 3, 26753),
    (8, 0, 9, 174678), (4, 1, 4, 54561), (2, 0, 3, 23064), (4, 0, 4, 27397), (6, 0, 7, 85326), (9, 0, 10, 231538),
    (3, 0, 3, 22185), (6, 5, 3, 75950), (11, 1, 4, 75716), (0, 3, 0, 0), (3, 0, 7, 76881), (5, 0, 4, 66612),
    (11, 1, 8, 201285), (3, 4, 3, 114596), (8, 4, 7, 197860), (11, 0, 6, 143831), (2, 0, 5, 29113), (8, 1, 3, 26724),
    (7, 2, 8, 174355), (1, 0, 2, 2992), (2, 0, 4, 26668), (10, 0, 10, 258214), (9, 0, 5, 63111), (8, 1, 5, 83236),
    (6, 0, 6, 53284), (10, 1, 12, 358177), (6, 5, 3, 66891), (0, 4, 0, 0),
)  # fmt: skip


def case(seed: int) -> tuple[list[int], list[tuple[float, float]]]:
    """Detections at, near and between the ends of words, mostly in order."""
    r = random.Random(seed)
    words, t = [], 0.0
    for _ in range(r.randint(1, 12)):
        t += r.uniform(0.0, 6.0)
        end = t + r.uniform(0.2, 0.9)
        words.append((t, end))
        t = end if r.random() < 0.8 else t
    found = [r.randint(0, 500)]
    for _ in range(r.randint(0, 60)):
        w = r.choice(words)
        x = r.choice([w[0], w[1], w[1] + 1, w[1] + 2, r.uniform(0, t + 5)])
        x += r.choice([0, 0.001, -0.001, r.uniform(-0.5, 3)])
        found.append(found[0] + max(0, round(1000 * x)))
    if r.random() < 0.8:
        found[1:] = sorted(found[1:])
    return found, words


def test_scores_are_those_of_the_official_runner() -> None:
    for seed, expected in enumerate(OFFICIAL):
        s = score(*case(seed))
        ours = (len(s.found_s), len(s.missed_s), len(s.false_s), round(1000 * sum(s.false_s)))
        assert ours == expected, seed


def test_scores_by_hand() -> None:
    words = [(1.0, 1.5), (10.0, 10.5)]
    s = score([40, 1040, 3540, 3541, 4541, 4542, 12541], words)  # 0 is the first frame's: the others are 40 ms less
    assert s.found_s == (1.0,)  # 1.0 and 3.5, 2 s after the word, are both its own
    assert s.missed_s == (10.0,)  # 12.501 is a millisecond late
    assert s.false_s == (3.501, 4.502, 12.501)  # 4.501 is 1 s after 3.501, and forgiven
    assert s.line == "Accuracy: 1 True positives, 1 False negatives, 3 False positives"
    assert score([7], []).line == "Accuracy: 0 True positives, 0 False negatives, 0 False positives"


def test_no_detection_at_all_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="not even that of its first frame"):
        score([], [(1.0, 2.0)])


def test_a_duty_cycle_by_hand() -> None:
    d = duty_cycle([100, 3300, 6500], [600, 3800, 7000])
    assert d.lines == (
        "Average duty cycle: 0.15625",
        "Average period: 0.032 s",
        "Estimated throughput: 200.0 inf./sec.",
    )
    assert d.remarks == ()
    cut = duty_cycle([100, 3300, 6600], [600, 3900])
    assert (cut.period_s, cut.processing_time_s) == (pytest.approx(0.032), pytest.approx(0.0055))
    assert "3 starts and 2 stops" in cut.remarks[0]
    assert "varies" in duty_cycle([0, 3200, 6500], [10, 3210, 6510]).remarks[0]


@pytest.mark.parametrize(("starts", "stops"), [([], []), ([5], [6]), ([5, 9], [6]), ([9, 5], [10, 8])])
def test_too_few_edges_are_an_error(starts: list[int], stops: list[int]) -> None:
    with pytest.raises(ProtocolError, match="processing pin"):
        duty_cycle(starts, stops)


def test_pins_are_recorded_as_the_interface_board_does() -> None:
    def at(pin: str, level: bool, ms: float) -> PinEvent:
        return PinEvent(pin, level, 1.0 + ms / 1000)

    falls = [-5.0, 0.009, 12.3456, 22.9, 23.1, 40.0]
    events = [e for ms in falls for e in (at("detected", False, ms), at("detected", True, ms + 0.002))]
    work = [e for i in range(150) for e in (at("processing", True, 32.0 * i), at("processing", False, 32.0 * i + 5))]
    edges = record(sorted([*events, *work], key=lambda e: e.seconds), 1.0)
    assert edges.detections_ms == (0, 12, 23, 40)  # 22 comes 10 ms after 12
    assert len(edges.start_ticks) == len(edges.stop_ticks) == 100
    assert edges.start_ticks[:3] == (0, 3200, 6400)


def test_answers_of_the_interface_board() -> None:
    assert parse_detections(["Detection Timestamps (ms)", "12,", "345,"]) == (12, 345)
    lines = ["Duty cycle start times (s)", "1,2,", "3,", "Duty cycle stop times (s)", "4,5,6,"]
    assert parse_duty_cycle(lines) == ((1, 2, 3), (4, 5, 6))
    assert parse_activations(["x", "target activations:", "[1, -2,", "3]"]) == (1, -2, 3)
    assert parse_activations(["nothing"]) == ()
    for lines in ([], ["other"], ["Detection Timestamps (ms)", "1x,"]):
        with pytest.raises(ProtocolError, match="print_detections"):
            parse_detections(lines)
    for lines in (
        [],
        ["Duty cycle start times (s)", "1"],
        ["Duty cycle start times", "?", "Duty cycle stop times", "1"],
    ):
        with pytest.raises(ProtocolError, match="print_dutycycle"):
            parse_duty_cycle(lines)
