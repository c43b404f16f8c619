# SPDX-License-Identifier: Apache-2.0
"""The virtual board behind a pseudo-terminal, as other programs meet it: through pyserial, with another process."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from smidgen.errors import OutputError, UsageError
from smidgen.mlperf.board import VirtualBoard
from smidgen.mlperf.board.pty_line import PtyLine
from smidgen.mlperf.board.server import BoardServer
from smidgen.targets import load_target
from tests.board_firmware import TARGET, build_firmware


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_firmware(tmp_path_factory.mktemp("board") / "firmware")


@contextmanager
def served(elf: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the port it names."""
    command = [sys.executable, "-m", "smidgen.cli.main", "board", str(elf), "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            text += line
        told = json.loads(text)
        yield process, told["link"] or told["port"]
    finally:
        process.kill()
        process.communicate()


def ask(port: serial.Serial, command: bytes) -> bytes:
    """The answer; the boot text is left out, which may come before or after the port is opened."""
    port.write(command)
    return port.read_until(b"ready\r\n").removeprefix(b"hello\r\n")


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "ttyBoard"


def test_a_program_with_pyserial_talks_to_it(elf: Path, link: Path) -> None:
    with served(elf, "--link", str(link)) as (process, name):
        assert name == str(link)
        with serial.Serial(name, 115200, timeout=20) as port:
            assert ask(port, b"t%").startswith(b"time-")
            port.write(b"\xff\x00 noise \r\n%")
            assert port.read_until(b"ready\r\n").endswith(b"?ready\r\n")
            assert ask(port, b"b0123456789%").startswith(b"bytes-11\r\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert not link.is_symlink()
        assert not os.path.exists(name)


def test_a_program_may_close_the_port_and_come_back(elf: Path) -> None:
    with served(elf) as (_, name):
        for rate in (115200, 9600):
            with serial.Serial(name, rate, timeout=20) as port:
                fcntl.ioctl(port.fd, termios.TIOCEXCL)
                assert ask(port, b"t%").startswith(b"time-")
            time.sleep(0.3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_port_and_link(elf: Path, link: Path, number: int) -> None:
    with served(elf, "--link", str(link)) as (process, _):
        real = os.readlink(link)
        process.send_signal(number)
        assert process.wait(10) == 130
        assert not link.is_symlink()
        assert not os.path.exists(real)


def test_an_interrupt_while_the_core_works_ends_it(elf: Path, link: Path) -> None:
    with served(elf, "--link", str(link)) as (process, name):
        with serial.Serial(name, 115200, timeout=20) as port:
            port.write(b"h%")
            time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert not link.is_symlink()


def test_a_fault_ends_it_with_the_place(elf: Path, link: Path) -> None:
    with served(elf, "--link", str(link)) as (process, name):
        with serial.Serial(name, 115200, timeout=20) as port:
            assert ask(port, b"t%")
            port.write(b"x%")
        assert process.wait(10) == 1
        assert process.stderr is not None
        said = process.stderr.read()
        assert "faulted at pc 0x" in said
        assert "in main" in said
        assert not link.is_symlink()


def test_sigusr1_is_the_reset_button(elf: Path) -> None:
    with served(elf) as (process, name), serial.Serial(name, 115200, timeout=20) as port:
        ask(port, b"i1000%")
        process.send_signal(signal.SIGUSR1)
        assert port.read_until(b"hello\r\n").endswith(b"hello\r\n")
        assert int(ask(port, b"t%").split(b"\r\n")[0].removeprefix(b"time-")) < 5000


def test_in_real_time_nothing_is_said_before_its_time(elf: Path) -> None:
    with served(elf, "--time", "real") as (_, name), serial.Serial(name, 115200, timeout=20) as port:
        before = int(ask(port, b"t%").split(b"\r\n")[0].removeprefix(b"time-"))
        start = time.monotonic()
        ask(port, b"p400000%")
        elapsed = time.monotonic() - start
        assert elapsed > 0.38
        time.sleep(0.2)
        after = int(ask(port, b"t%").split(b"\r\n")[0].removeprefix(b"time-"))
        assert after - before > (0.4 + 0.15) * 1e6  # idle time counts as well; what the host was late by need not


def test_the_link_of_a_killed_board_is_replaced_even_if_its_terminal_is_ours_now(link: Path) -> None:
    with PtyLine() as probe:
        left = probe.path
    link.symlink_to(left)  # as SIGKILL leaves it; the next terminal has the same number
    with PtyLine(link) as line:
        assert os.readlink(link) == str(line.path)
    link.symlink_to("/dev/null")
    with pytest.raises(UsageError, match="exists already"):
        PtyLine(link)


def test_two_boards_at_once_and_one_name_for_one(elf: Path, link: Path) -> None:
    with served(elf, "--link", str(link)) as (_, one), served(elf) as (_, two):
        with serial.Serial(one, timeout=20) as first, serial.Serial(two, timeout=20) as second:
            assert ask(first, b"t%").startswith(b"time-")
            assert ask(second, b"t%").startswith(b"time-")
        with pytest.raises(UsageError, match="exists already: choose another name"):
            PtyLine(link)
        assert link.is_symlink()


def test_the_link_of_a_killed_board_is_replaced_and_files_are_not(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    link.symlink_to("/dev/pts/none-of-these")
    with PtyLine(link) as line:
        assert os.readlink(link) == str(line.path)
    assert not link.is_symlink()
    link.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        PtyLine(link)
    assert link.read_text() == "mine"
    with pytest.raises(OutputError, match="cannot be made"):
        PtyLine(tmp_path / "none" / "tty")


def test_what_nobody_reads_is_dropped_and_the_board_goes_on(elf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smidgen.mlperf.board.server._UNREAD_S", 0.05)
    with VirtualBoard(elf, load_target(TARGET)) as board, PtyLine() as line:
        server = BoardServer(board, line)
        with serial.Serial(str(line.path), timeout=5) as port:
            port.write(b"s20000%")
            end = time.monotonic() + 30
            while not (server.dropped_bytes and board.asleep) and time.monotonic() < end:
                server.turn()
                assert board.waiting_bytes < 100
            assert server.dropped_bytes > 10_000
            port.reset_input_buffer()
            port.write(b"t%")
            for _ in range(20):
                server.turn()
            assert port.read(port.in_waiting).endswith(b"ready\r\n")
