# SPDX-License-Identifier: Apache-2.0
"""The virtual board in this process: its devices, its clock, and what it says when the firmware fails."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from smidgen.errors import ImageError, LinkLost, SimulationError, UsageError
from smidgen.mlperf.board import BoardLink, BoardSettings, VirtualBoard
from smidgen.mlperf.board.uart import UNREAD_BYTES
from smidgen.targets import load_target
from tests.board_firmware import TARGET, build_firmware


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_firmware(tmp_path_factory.mktemp("board") / "firmware")


@pytest.fixture
def board(elf: Path) -> Iterator[VirtualBoard]:
    with VirtualBoard(elf, load_target(TARGET)) as board:
        assert board.run(5)
        assert board.receive() == b"hello\r\n"
        yield board


def ask(board: VirtualBoard, command: bytes) -> list[str]:
    """The lines that answer a command, without the last, ``ready``."""
    board.send(command)
    assert board.run(20)
    lines = board.receive().decode().split("\r\n")
    assert lines[-2:] == ["ready", ""]
    return lines[:-2]


def value(lines: list[str], name: str) -> int:
    (line,) = (line for line in lines if line.startswith(f"{name}-"))
    return int(line.removeprefix(f"{name}-"))


def test_characters_take_their_time_on_the_line(board: VirtualBoard) -> None:
    first = value(ask(board, b"t%"), "time")
    second = value(ask(board, b"t%"), "time")
    sent = len(f"time-{first}\r\nready\r\n") + len("t%")
    assert second - first == pytest.approx(sent * 10 / 115_200 * 1e6, rel=0.01)


def test_a_slower_line_takes_longer(elf: Path) -> None:
    times = []
    for baud in (9_600, 921_600):
        with VirtualBoard(elf, load_target(TARGET), BoardSettings(baud=baud)) as board:
            board.run(5)
            board.receive()
            ask(board, b"t%")
            times.append(value(ask(board, b"t%"), "time"))
    assert times[0] / times[1] == pytest.approx(96, rel=0.1)


def test_n_inferences_take_n_times_one(board: VirtualBoard) -> None:
    took = {n: value(ask(board, f"i{n}%".encode()), "took") for n in (10, 110, 1010)}
    (cost,) = set(board.counted)
    assert cost.instructions > 1000
    assert cost.stall_cycles > 0
    assert took[1010] - took[10] == pytest.approx(10 * (took[110] - took[10]), abs=2)
    loop_cycles = (took[1010] - took[10]) * 120 / 1000 - cost.cycles
    assert 3 < loop_cycles < 30
    assert board.inferences == 1130


def test_every_input_with_several_inferences_is_counted(board: VirtualBoard) -> None:
    short = value(ask(board, b"i100%"), "took")
    ask(board, b"r2000%")
    long = value(ask(board, b"i100%"), "took")
    assert long / short == pytest.approx(2, rel=0.02)
    assert len(board.counted) == 2


def test_lone_inferences_take_what_the_first_took(board: VirtualBoard) -> None:
    first = value(ask(board, b"i1%"), "took")
    ask(board, b"r9000%")
    assert value(ask(board, b"i1%"), "took") == pytest.approx(first, abs=1)
    assert len(board.counted) == 1


def test_several_lone_inferences_are_counted_on_demand(elf: Path) -> None:
    with VirtualBoard(elf, load_target(TARGET), BoardSettings(counted_singles=2)) as board:
        board.run(5)
        board.receive()
        first = value(ask(board, b"i1%"), "took")
        ask(board, b"r3000%")
        second = value(ask(board, b"i1%"), "took")
        ask(board, b"r9000%")
        assert value(ask(board, b"i1%"), "took") == pytest.approx((first + second) / 2, abs=1)


def test_without_the_memory_system_there_are_no_stalls(elf: Path) -> None:
    with VirtualBoard(elf, load_target(TARGET), BoardSettings(memory_system=False)) as board:
        board.run(5)
        board.receive()
        ask(board, b"i2%")
        assert board.counted[0].stall_cycles == 0


def test_the_same_bytes_give_the_same_times_however_they_come(elf: Path) -> None:
    commands = b"t%i20%p50%t%i3%b123%t%"
    said = []
    for chunk in (1, 5, len(commands)):
        with VirtualBoard(elf, load_target(TARGET)) as board:
            for at in range(0, len(commands), chunk):
                board.run(5)
                board.send(commands[at : at + chunk])
            board.run(5)
            said.append((board.receive(), board.seconds))
    assert said[0] == said[1] == said[2]
    assert said[0][0].count(b"ready") == 7


def test_stopping_the_core_at_any_moment_changes_nothing(elf: Path) -> None:
    said = []
    for seconds in (0.0, 0.02):
        with VirtualBoard(elf, load_target(TARGET)) as board:
            board.run(5)
            board.send(b"p40000%s2000%t%")
            while not board.run(seconds):
                pass
            said.append((board.receive(), board.seconds))
    assert said[0] == said[1]
    assert said[0][0].count(b"flood") == 2000


def test_a_pulse_is_recorded_with_its_times(board: VirtualBoard) -> None:
    ask(board, b"p250%")
    down, up = board.pin_events
    assert (down.pin, down.level, up.pin, up.level) == ("timestamp", False, "timestamp", True)
    assert up.seconds - down.seconds == pytest.approx(250e-6, abs=1e-6)


def test_blocks_come_and_go_whole(board: VirtualBoard) -> None:
    body = bytes(range(48, 58)) * 100 + b"%"
    board.send(b"b" + body[:300])
    assert board.run(5)
    assert board.receive() == b""
    board.send(body[300:] + b"t%")
    board.run(5)
    lines = board.receive().decode().split("\r\n")
    assert lines[:3] == [f"bytes-{len(body)}", f"sum-{sum(body)}", "01234567"]
    assert lines[-2] == "ready"


def audio(frames: int) -> bytes:
    return np.random.default_rng(7).integers(-3000, 3000, frames * 512, dtype=np.int16).tobytes()


def test_frames_of_audio_come_every_32_milliseconds(elf: Path) -> None:
    samples = audio(6) + b"\1\2"
    with VirtualBoard(elf, load_target(TARGET), BoardSettings(audio=samples)) as board:
        board.run(5)
        board.receive()
        lines = ask(board, b"a1000%")
        words = struct.unpack(f"<{len(samples) // 4}I", samples[: len(samples) // 4 * 4])
        assert (value(lines, "frames"), value(lines, "sum"), value(lines, "status")) == (6, sum(words) % 2**32, 2)
        starts = [e.seconds for e in board.pin_events if e.pin == "processing" and e.level]
        stops = [e.seconds for e in board.pin_events if e.pin == "processing" and not e.level]
        assert np.diff(starts) == pytest.approx([0.032] * 5, abs=1e-6)
        busy = board.counted[0].cycles / 120e6
        assert np.subtract(stops, starts) == pytest.approx([busy] * 6, abs=50e-6)


def test_a_core_that_is_too_slow_for_the_audio_loses_frames(elf: Path) -> None:
    with VirtualBoard(elf, load_target(TARGET), BoardSettings(audio=audio(20))) as board:
        board.run(5)
        board.receive()
        lines = ask(board, b"a1400000%")  # 70 ms a frame
        assert value(lines, "status") == 6
        assert value(lines, "frames") + board.lost_frames == 20
        assert board.lost_frames > 5


def test_energy_is_that_of_the_cycles(board: VirtualBoard) -> None:
    ask(board, b"p10%")
    ask(board, b"i40000%")
    begin = board.pin_events[-1].seconds
    end = board.seconds
    samples = board.energy_samples(0, end, 1000)
    assert len(samples) == int(end * 1000)
    working = samples.max()
    assert working == pytest.approx(375e-12 * 120e6 / 1000, rel=1e-6)
    assert samples.min() == pytest.approx(0.3 * working, rel=1e-6)
    busy = 40_000 * board.counted[0].cycles * 375e-12
    assert board.energy_samples(begin, end, 1000).sum() == pytest.approx(busy, rel=0.01)
    with pytest.raises(UsageError, match="go forward"):
        board.energy_samples(2, 1)


def test_idle_time_passes_only_while_the_core_sleeps(board: VirtualBoard) -> None:
    board.idle_until(2.5)
    assert board.seconds == 2.5
    board.idle_until(1.0)
    assert value(ask(board, b"t%"), "time") > 2_500_000


def test_a_firmware_that_asks_again_and_again_counts_as_asleep(board: VirtualBoard) -> None:
    board.send(b"q%")
    assert board.run(5)
    assert board.receive() == b""
    assert ask(board, b"t%")[0] == "ready"


def test_what_nobody_reads_stops_the_core(board: VirtualBoard) -> None:
    board.send(b"s20000%")
    assert not board.run(5)
    said = b""
    while not board.asleep:
        board.run(5)
        chunk = board.receive()
        assert len(chunk) < UNREAD_BYTES + 100
        said += chunk
    assert said == b"".join(b"flood-%d\r\n" % i for i in range(20_000)) + b"ready\r\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (b"x%", r"faulted at pc 0x[0-9a-f]+ in \w+: a load from an address that is no memory"),
        (b"f%", r"fault handler \(lr 0x[0-9a-f]+ in main\)"),
        (b"h%", r"did nothing for 0.3 s at pc 0x[0-9a-f]+ in main"),
    ],
)
def test_a_firmware_that_fails_says_where(elf: Path, command: bytes, said: str) -> None:
    with VirtualBoard(elf, load_target(TARGET), BoardSettings(hang_seconds=0.3)) as board:
        board.run(5)
        board.receive()
        board.send(command)
        for _ in range(2):
            with pytest.raises(SimulationError, match=said):
                board.run(10)
        board.reset()
        assert board.run(5)
        assert board.receive() == b"hello\r\n"
        assert board.seconds < 0.01


def test_a_link_to_a_dead_board_is_lost(board: VirtualBoard) -> None:
    link = BoardLink(board)
    assert link.name == "virtual nucleo-l4r5zi"
    link.write(b"t%")
    assert link.read(5).startswith(b"time-")
    assert link.read(5) == b""
    link.write(b"x%")
    for attempt in (lambda: link.read(5), lambda: link.write(b"t%")):
        with pytest.raises(LinkLost, match=r"the board is gone: .*faulted at pc"):
            attempt()
    link.close()
    link.close()


def test_two_boards_do_not_know_each_other(elf: Path) -> None:
    with VirtualBoard(elf, load_target(TARGET)) as one, VirtualBoard(elf, load_target(TARGET)) as two:
        for board in (one, two):
            board.run(5)
            board.receive()
        ask(one, b"r5%")
        assert value(ask(one, b"i10%"), "took") < value(ask(two, b"i10%"), "took")
        assert (one.inferences, two.inferences) == (10, 10)


def test_an_image_that_is_no_firmware_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        VirtualBoard(tmp_path / "none.elf", load_target(TARGET))


def test_an_impossible_rate_is_refused(elf: Path) -> None:
    with pytest.raises(UsageError, match="115200 is usual"):
        VirtualBoard(elf, load_target(TARGET), BoardSettings(baud=0))
