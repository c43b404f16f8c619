# SPDX-License-Identifier: Apache-2.0
"""The search on made-up costs and drops, against every assignment there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from zlib import crc32

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smidgen.precision.levels import Assignment, Level
from smidgen.precision.search import Found, OutOfBudget, Problem, Trial, is_answer, keeps, search
from smidgen.quantize.recipe import Precision

ALL: tuple[Precision, ...] = ("int4", "int8", "int16", "float")
BYTES = {"int4": 0.5, "int8": 1.0, "int16": 1.25, "float16": 2.0, "float": 4.0}
NOISE = {"int4": 16.0, "int8": 1.0, "int16": 0.01, "float16": 1e-4, "float": 0.0}


@dataclass
class MadeUp:
    """Additive noise is the drop; cost is bytes, and ``code`` once where any layer is int4."""

    weights: Sequence[float]
    sensitivity: Sequence[float]
    code: float = 0.0
    most: int = 10_000
    measured: list[Assignment] = field(default_factory=list)

    def cost(self, a: Assignment) -> float:
        return sum(w * BYTES[p] for w, p in zip(self.weights, a, strict=True)) + self.code * ("int4" in a)

    def drop(self, a: Assignment) -> float:
        return sum(s * NOISE[p] for s, p in zip(self.sensitivity, a, strict=True))

    def measure(self, a: Assignment) -> Trial:
        if len(self.measured) >= self.most:
            raise OutOfBudget
        self.measured.append(a)
        return Trial(self.drop(a), self.drop(a) / 100)

    def search(self, limit: float, options: Sequence[Sequence[Precision]] | None = None) -> Found:
        base: Assignment = ("int8",) * len(self.weights)
        return search(Problem(base, options or [ALL] * len(base), limit, self.measure, self.cost))

    def optimum(self, limit: float, allowed: Sequence[Precision] = ALL) -> float | None:
        """The least cost of all assignments of allowed precisions that keep the bound."""
        every = (a for a in product(allowed, repeat=len(self.weights)) if is_answer(a))
        return min((self.cost(a) for a in every if self.drop(a) <= limit), default=None)


layers = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 40)), min_size=1, max_size=5)


@settings(max_examples=100, deadline=None)
@given(layers, st.integers(0, 600), st.sampled_from([0.0, 15.0]))
@example([(1, 1), (1, 1), (1, 17)], 33, 0.0)  # cheapest with the last layer raised
@example([(10, 1), (10, 1), (10, 1)], 48, 12.0)  # each alone does not pay for the code, all together do
def test_within_the_documented_bound_of_the_best(pairs: list[tuple[int, int]], limit: int, code: float) -> None:
    """Additive noise, a base that keeps the bound: at most one layer's saving above the best that raises no layer."""
    made = MadeUp([w for w, _ in pairs], [s for _, s in pairs], code)
    found, best = made.search(limit), made.optimum(limit)
    assert found.finished
    if best is None:
        assert not found.met
        return
    assert found.met
    assert made.drop(found.best) <= limit
    if made.drop(("int8",) * len(pairs)) <= limit:
        lowered = made.optimum(limit, ("int4", "int8"))
        assert lowered is not None
        assert made.cost(found.best) <= lowered + max(made.weights) / 2 + 1e-9
        assert made.cost(found.best) <= made.cost(("int8",) * len(pairs))


def test_finds_the_optimum_of_a_case_where_greedy_alone_fails() -> None:
    made = MadeUp([10, 21, 20], [1.0, 2.2, 2.0])  # by ratio: 0, 2, 1; only 15 * (2.2 + 1.0) and 15 * (2.0 + 1.0) fit
    found = made.search(5.2 + 15 * 3.2)
    assert found.best == ("int4", "int4", "int8")
    assert made.cost(found.best) == made.optimum(5.2 + 15 * 3.2)


def test_shared_code_is_paid_by_all_or_taken_by_none() -> None:
    made = MadeUp([10, 10, 10], [1, 1, 1], code=12.0)
    assert made.search(48).best == ("int4",) * 3
    assert made.search(18).best == ("int8",) * 3  # one would fit, and cost more than it saves


def test_what_shares_code_is_left_out_together() -> None:
    """Layers 0 and 1 need code that saves less than it takes; neither gains by leaving alone."""

    class Two(MadeUp):
        def cost(self, a: Assignment) -> float:
            return super().cost(a) + 11.0 * ("int4" in a[:2])

    made = Two([10, 10, 60, 60], [0.0, 0.0, 0.0, 0.0])
    assert made.search(1.0).best == ("int8", "int8", "int4", "int4")


def test_raises_the_most_sensitive_layers_when_the_base_fails() -> None:
    made = MadeUp([10, 10, 10, 10], [0.1, 5.0, 0.1, 0.2])
    found = made.search(0.5)
    assert found.met
    assert found.best == ("int8", "int16", "int8", "int8")
    assert (1, "int16") in found.singles


def test_float_where_16_bits_are_not_enough() -> None:
    made = MadeUp([10, 10], [0.0, 100.0])
    found = made.search(0.5)
    assert found.met
    assert found.best == ("int4", "float")


def test_float16_where_it_is_enough_instead_of_float() -> None:
    made = MadeUp([10, 10, 10], [0.0, 100.0, 1e5])
    found = made.search(0.5, [(*ALL[:3], "float16", "float")] * 3)
    assert found.met
    assert found.best == ("int4", "float16", "float")
    assert not any(to == "float16" for _, to in found.singles)


def test_all_in_float16_before_one_layer_quantised() -> None:
    made = MadeUp([10, 10], [10.0, 10.0])
    found = made.search(0.01, [(*ALL[:3], "float16", "float")] * 2)
    assert found.met
    assert found.best == ("float16", "float16")


def test_the_float_model_itself_is_no_answer() -> None:
    made = MadeUp([10, 10], [1.0, 2.0])
    found = made.search(0.0)
    assert not found.met
    assert found.trial.drop == min(made.drop(a) for a in product(ALL, repeat=2) if is_answer(a))
    assert is_answer(found.best)


def test_one_layer_quantised_is_the_last_resort() -> None:
    made = MadeUp([10, 10, 10], [10.0, 10.0, 0.0])
    found = made.search(0.0)
    assert found.met
    assert found.best == ("float", "float", "int4")


def test_options_are_kept() -> None:
    made = MadeUp([10, 10], [1.0, 1.0])
    found = made.search(100.0, [("int8",), ("int8", "int16", "float")])
    assert found.best == ("int8", "int8")


@given(layers, st.integers(0, 600))
@settings(max_examples=20, deadline=None)
def test_deterministic(pairs: list[tuple[int, int]], limit: int) -> None:
    first, second = (MadeUp([w for w, _ in pairs], [s for _, s in pairs]) for _ in range(2))
    assert first.search(limit) == second.search(limit)
    assert first.measured == second.measured


@pytest.mark.parametrize("most", [1, 2, 5, 8])
def test_the_budget_only_cuts(most: int) -> None:
    """What is measured before the end is the beginning of the whole search; the best of it is given."""
    whole = MadeUp([10, 20, 30, 40], [1.0, 3.0, 2.0, 9.0])
    found = whole.search(100.0)
    cut = MadeUp(whole.weights, whole.sensitivity, most=most)
    part = cut.search(100.0)
    assert not part.finished
    assert part.met
    assert cut.measured == whole.measured[:most]
    assert whole.cost(part.best) == min(whole.cost(a) for a in cut.measured if whole.drop(a) <= 100.0)
    assert whole.cost(part.best) >= whole.cost(found.best)


def test_no_time_for_the_base_is_the_callers_problem() -> None:
    with pytest.raises(OutOfBudget):
        MadeUp([1], [1], most=0).search(1.0)


def test_a_drop_that_is_not_additive_is_judged_by_measurement() -> None:
    class Steps(MadeUp):
        def drop(self, a: Assignment) -> float:
            return 5.0 if sum(p == "int4" for p in a) >= 2 else 0.0

    made = Steps([10, 20, 30], [1.0, 1.0, 1.0])
    found = made.search(1.0)
    assert found.best == ("int8", "int8", "int4")


def test_no_layers() -> None:
    found = search(Problem((), [], 1.0, lambda a: Trial(0.0, 0.0), lambda a: 3.0))
    assert found.met
    assert found.best == ()


GROUPED: tuple[Level, ...] = ("int4", "int4/16", "int4/8", "int8", "int16", "float")
SHARE = {"int4": 1.0, "int4/16": 0.6, "int4/8": 0.4}
FOUR_BITS = {"int4": 0.515, "int4/16": 0.53, "int4/8": 0.56}


class Grouped(MadeUp):
    """Four-bit weights in smaller groups: a little dearer, less noise."""

    def cost(self, a: Assignment) -> float:
        return sum(w * (FOUR_BITS.get(p) or BYTES[p]) for w, p in zip(self.weights, a, strict=True))

    def drop(self, a: Assignment) -> float:
        noise = {p: NOISE["int4"] * share for p, share in SHARE.items()}
        return sum(s * (noise.get(p) or NOISE[p]) for s, p in zip(self.sensitivity, a, strict=True))


@pytest.mark.parametrize(
    ("limit", "level"), [(16.0 * 4, "int4"), (16.0 * 4 * 0.6, "int4/16"), (16.0 * 4 * 0.4, "int4/8")]
)
def test_smaller_groups_where_the_largest_breaks_the_bound(limit: float, level: Level) -> None:
    made = Grouped([30, 30, 30, 30], [1.0, 1.0, 1.0, 1.0])
    assert made.search(limit, [GROUPED] * 4).best == (level,) * 4
    assert made.measured[1] == ("int4",) * 4, "the cheapest of all first"


@settings(max_examples=40, deadline=None)
@given(layers.filter(lambda pairs: len(pairs) <= 4), st.integers(0, 400))
@example([(20, 3), (30, 1), (5, 20)], 200)
def test_with_groups_near_the_best_of_all(pairs: list[tuple[int, int]], limit: int) -> None:
    """Additive noise and four-bit levels in proportion, as the search supposes: within a tenth of the best."""
    made = Grouped([w for w, _ in pairs], [s for _, s in pairs])
    found = made.search(limit, [GROUPED] * len(pairs))
    if made.drop(("int8",) * len(pairs)) > limit:
        return
    lowered = [GROUPED[:4]] * len(pairs)
    best = min(made.cost(a) for a in product(*lowered) if made.drop(a) <= limit)
    assert made.drop(found.best) <= limit
    assert made.cost(found.best) <= best + 0.1 * max(made.weights)
    assert len(made.measured) < 200


def test_raising_one_lets_others_go_lower() -> None:
    """The first layer's finer group makes room for the second; singles and exchanges of int8 do not find it."""
    made = Grouped([40, 39], [2.0, 2.1])
    limit = made.drop(("int4/16", "int4"))
    found = made.search(limit, [GROUPED] * 2)
    assert made.cost(found.best) == min(made.cost(a) for a in product(GROUPED[:4], repeat=2) if made.drop(a) <= limit)


def test_a_lucky_neighbour_is_found_by_exploring() -> None:
    """Metrics are not quite additive: an assignment near the best that keeps the bound against the model's guess."""

    class Lucky(Grouped):
        def drop(self, a: Assignment) -> float:
            return 0.0 if a == ("int4/16", "int4/8", "int4/16", "int4/8") else super().drop(a)

    made = Lucky([30, 30, 30, 30], [1.0, 1.0, 1.0, 1.0])
    plain = Grouped(made.weights, made.sensitivity).search(30.0, [GROUPED] * 4)
    found = made.search(30.0, [GROUPED] * 4)
    assert found.met
    assert made.cost(found.best) < made.cost(plain.best)


def test_a_drop_of_exactly_the_bound_keeps_it() -> None:
    assert keeps(100 * (0.91 - 0.90), 1.0)
    assert 100 * (0.91 - 0.90) > 1.0
    assert keeps(0.0, 0.0)
    assert not keeps(1e-12, 0.0)
    assert not keeps(1.0 + 100 / 1e6, 1.0), "one of a million samples"


def test_exploring_ends() -> None:
    """Whatever the metric does, the number of measurements is bounded."""

    class Noisy(Grouped):
        def drop(self, a: Assignment) -> float:
            return 0.5 if set(a) == {"int8"} else float(crc32(repr(a).encode()) % 7)

    made = Noisy(list(range(10, 30)), [1.0] * 20)
    found = made.search(1.0, [GROUPED] * 20)
    assert found.finished
    assert len(made.measured) < 20 + 60 + 32 + 40 + 30
