# SPDX-License-Identifier: Apache-2.0
"""The command as a process of its own: full disks, closed streams, signals, names no terminal can show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.cli.conftest import start

pytestmark = pytest.mark.slow  # each starts an interpreter


@pytest.mark.parametrize(
    "arguments", [("targets",), ("targets", "--json"), ("compile", "nothere", "--json")], ids=" ".join
)
def test_full_disk_under_stdout(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        process = start(*arguments, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert "No space left" in err


def test_closed_pipe() -> None:
    read, write = os.pipe()
    os.close(read)
    process = start("ops", "--json", stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == ""


@pytest.mark.parametrize("name", ["日本.tflite".encode(), b"\xff.tflite"], ids=["japanese", "undecodable"])
def test_names_that_the_terminal_cannot_show(name: bytes, own_folder: Path) -> None:
    (own_folder / os.fsdecode(name)).write_bytes(b"")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    process = start("compile", os.fsdecode(name), "--json", stdout=subprocess.PIPE, env=environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "empty (0 bytes)" in err
    assert "empty (0 bytes)" in json.loads(out)["error"]["message"]


@pytest.mark.parametrize("seconds", [0, 1, 2, 2.7])
def test_interrupt_key(seconds: float, tmp_path: Path) -> None:
    """At any moment of a command, inside the emulator's callbacks too; not while Python still imports."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = start("verify", "ad", "--cases", "100000", stdout=subprocess.PIPE, env=environment)
    while not any(tmp_path.glob("smidgen-*")):  # the build has a folder: the command is under way
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "error: interrupted; nothing half-written was left behind"
    assert out == ""


def test_closed_stdout() -> None:
    process = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m smidgen.cli.main targets >&-"], capture_output=True, text=True, timeout=60
    )
    assert (process.returncode, process.stderr) == (0, "")


def test_termination_cleans_up(tmp_path: Path) -> None:
    """As continuous integration cancels a job."""
    process = start("verify", "ad", "--cases", "100000", env={**os.environ, "TMPDIR": str(tmp_path)})
    while not any(tmp_path.glob("smidgen-*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not any(tmp_path.glob("smidgen-*"))
