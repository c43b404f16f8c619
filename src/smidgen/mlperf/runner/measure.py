# SPDX-License-Identifier: Apache-2.0
"""One input on one device: downloaded, run, checked; with what to do when a line or a device fails in the middle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from smidgen.energy.windows import LEAST_INFERENCES, LEAST_SECONDS
from smidgen.errors import DeviceError, NoAnswer, ProtocolError
from smidgen.mlperf.formats.results_types import MODE_LETTERS, Entry, Mode, Power
from smidgen.mlperf.runner.protocol import Device, DeviceReset, Identity, Inference, Refused
from smidgen.mlperf.tasks import TASKS, Task

WINDOW_US = round(1e6 * LEAST_SECONDS)

_AIM_US = 10_300_000  # a window is planned a little longer than it must be
_MOST_INFERENCES = 10_000_000
_TRIES = 4
_WINDOW_TRIES = 4
_CALIBRATED_US = 30_000  # a stamp may be as coarse as a millisecond
_FIRST_INFERENCE_S = 120.0  # nothing is known of the device yet
_PATIENCE = 4.0  # times what is expected
_SLACK_S = 30.0
_ALIASES = {"strww01": "sww01"}  # the benchmark's own header still has the old name


class Monitor(Protocol):
    """Records the energy of a device."""

    def begin(self) -> None:
        """Forget what was recorded, record from now."""

    def end(self) -> Power:
        """What was recorded since ``begin``, with the edges of the timestamp pin."""


@dataclass(frozen=True, slots=True)
class Job:
    """One input to run: ``index`` is its place in the results, ``piece`` that in the file."""

    index: int
    file: str
    classes: int
    label: int
    piece: int
    pieces: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """How the inputs are run. ``iterations`` None: chosen so that a window is long enough."""

    task: Task
    mode: Mode
    iterations: int | None = None
    warmups: int = 0
    verify: bool = False


class Bench:
    """A device at work: what is known of its speed, and the monitor beside it. ``note`` is told of each recovery."""

    def __init__(
        self, device: Device, order: Order, monitor: Monitor | None = None, note: Callable[[str], None] = lambda _: None
    ) -> None:
        self.device = device
        self.order = order
        self.monitor = monitor
        self.identity: Identity | None = None
        self._note = note
        self._us: float | None = None  # of one inference, as the device or the monitor says
        self._wall_s = 0.0  # of one inference, as waited for

    def open(self) -> Identity:
        """Ask who is there. DeviceError if it is another model, or firmware of the other mode."""
        self.identity = self._checked(self._asked())
        prints = self.device.timestamps()
        if self.order.mode == "energy" and prints:
            raise DeviceError(
                f"{self.device.link.name} runs performance firmware (it prints its time stamps): --mode energy needs "
                "the firmware built with --mode energy"
            )
        if self.order.mode != "energy" and not prints:
            raise DeviceError(
                f"{self.device.link.name} runs energy firmware (it prints no time stamps): --mode {self.order.mode} "
                "needs the firmware built with --mode performance"
            )
        return self.identity

    def _asked(self) -> Identity:
        """Who is there; asked again if it is not who is expected, for an answer may lose a letter on the way."""
        found = self.device.identify()
        same = found == self.identity if self.identity is not None else self._fits(found)
        return found if same else self.device.identify()

    def _fits(self, identity: Identity) -> bool:
        return _ALIASES.get(identity.model_id, identity.model_id) == self.order.task.model_id

    def _checked(self, identity: Identity) -> Identity:
        wanted, found = self.order.task.model_id, _ALIASES.get(identity.model_id, identity.model_id)
        if found == wanted:
            return identity
        named = next((t.name for t in TASKS.values() if t.model_id == found), None)
        remedy = f"bench {named}, or flash" if named else "flash"
        raise DeviceError(
            f"{self.device.link.name} holds the model {identity.model_id} ({identity.name}), not {wanted}: {remedy} "
            f"the firmware of {self.order.task.name}"
        )

    def calibrate(self, job: Job) -> None:
        """Learn how long an inference takes, with as few of them as the stamps' resolution allows."""
        count = 1
        while True:
            inference, power = self._run(job, count, 0)
            elapsed = _elapsed_us(inference, power)
            if not elapsed:
                elapsed = int(1e6 * inference.wall_s)
            self._us = elapsed / count
            self._wall_s = inference.wall_s / count
            if elapsed >= _CALIBRATED_US or count >= _MOST_INFERENCES:
                return
            count = min(_MOST_INFERENCES, max(4 * count, math.ceil(1.5 * _CALIBRATED_US / max(self._us, 1.0))))

    def measure(self, job: Job) -> Entry:
        """The entry of one input, its window long enough unless the number of inferences is given."""
        if self.order.mode == "accuracy":
            return self._entry(job, *self._run(job, 1, 0), 1, 0)
        if self._us is None:
            self.calibrate(job)
        count = self.order.iterations or self._planned()
        for _ in range(_WINDOW_TRIES):
            inference, power = self._run(job, count, self.order.warmups)
            elapsed = _elapsed_us(inference, power)
            if elapsed is None:
                raise ProtocolError(f"{self.device.link.name}: no two time stamps around the inferences")
            enough = elapsed > WINDOW_US and count >= LEAST_INFERENCES
            if enough or self.order.iterations is not None or count >= _MOST_INFERENCES:
                return self._entry(job, inference, power, count, self.order.warmups)
            self._note(f"{count} inferences took {elapsed / 1e6:.3f} s, too short for a window: more of them")
            self._us = max(elapsed, 1) / count
            count = max(count + 1, self._planned())
        raise DeviceError(
            f"{self.device.link.name}: {_WINDOW_TRIES} windows were shorter than 10 s although the count was raised "
            f"to {count}: its time stamps are not steady"
        )

    def _planned(self) -> int:
        assert self._us is not None
        return min(_MOST_INFERENCES, max(LEAST_INFERENCES, math.ceil(_AIM_US / max(self._us, 0.01))))

    def _timeout_s(self, count: int) -> float:
        """How long to wait for ``count`` inferences: by the slower of the device's and the waiting host's clock."""
        if self._us is None:
            return _FIRST_INFERENCE_S + count * 1.0
        return _SLACK_S + _PATIENCE * count * max(self._us / 1e6, self._wall_s)

    def _run(self, job: Job, count: int, warmups: int) -> tuple[Inference, Power | None]:
        """Download and infer, again after what went wrong on the line. DeviceError if that does not help."""
        problem: DeviceError | None = None
        for attempt in range(_TRIES):
            try:
                self.device.load(job.data, verify=self.order.verify or attempt > 0)
                return self._infer(count, warmups)
            except (Refused, NoAnswer, DeviceReset) as e:
                problem = e
                self._note(f"{e}; trying again")
                self._recover(e)
        raise DeviceError(f"{job.file}: given up after {_TRIES} tries. {problem}. --resume goes on from here")

    def _infer(self, count: int, warmups: int) -> tuple[Inference, Power | None]:
        if self.monitor is not None:
            self.monitor.begin()
        inference = self.device.infer(count, warmups, self._timeout_s(count + warmups))
        power = self.monitor.end() if self.monitor is not None else None
        where = self.device.link.name
        if len(inference.results) != self.order.task.outputs:
            raise Refused(
                f"{where}: {len(inference.results)} results, a device of {self.order.task.name} has "
                f"{self.order.task.outputs}"
            )
        if self.order.mode != "energy" and len(inference.stamps_us) != 2:
            raise Refused(f"{where}: 'infer' is answered without two m-lap-us stamps")
        if self.order.verify and self.device.results() not in ((), inference.results):
            raise Refused(f"{where}: 'results' differs from what 'infer' answered")
        return inference, power

    def _recover(self, problem: DeviceError) -> None:
        """Bring the device back, and see that it still holds the model. DeviceError if it does not come."""
        try:
            self._checked(self._asked())
        except (NoAnswer, DeviceReset) as e:
            raise DeviceError(
                f"{problem}. Nor does it answer since: it hangs. Reset it; --resume goes on from here"
            ) from e

    def _entry(self, job: Job, inference: Inference, power: Power | None, count: int, warmups: int) -> Entry:
        task, elapsed = self.order.task, inference.elapsed_us
        performance = self.order.mode == "performance" and elapsed
        window = task.window
        return Entry(
            job.file,
            job.classes,
            job.label,
            MODE_LETTERS[self.order.mode],
            window.nbytes if window else None,
            window.stride_bytes if window else None,
            job.pieces if window else None,
            inference.stamps_us[0] if elapsed is not None else None,
            inference.stamps_us[1] if elapsed is not None else None,
            elapsed,
            count,
            warmups,
            1,
            count / (elapsed / 1_000_000) if performance and elapsed else None,
            inference.results,
            power,
        )


def _elapsed_us(inference: Inference, power: Power | None) -> int | None:
    """Between the stamps, or the last two edges of the pin (samples are a millisecond each)."""
    if power is not None:
        return 1000 * (power.events[-1][1] - power.events[-2][1]) if len(power.events) >= 2 else None
    return inference.elapsed_us
