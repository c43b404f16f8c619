# SPDX-License-Identifier: Apache-2.0
"""One QEMU process with its two lines: GDB's remote protocol and QEMU's monitor."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from typing import IO

from smidgen.errors import ToolNotFound

_TAIL_BYTES = 2000
_LEAVE_S = 5.0


class QemuProcess:
    """A QEMU that stands before its first instruction. Ends with ``close``, with the object, and with this process.

    Both lines are socket pairs, so that there is neither a port nor a file that anybody else could reach.
    """

    def __init__(self, program: str, arguments: Sequence[str]) -> None:
        """ToolNotFound if ``program`` does not start."""
        self.gdb, gdb_end = socket.socketpair()
        self.monitor, monitor_end = socket.socketpair()
        self._printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        lines = []
        for name, end in (("gdb", gdb_end), ("monitor", monitor_end)):
            lines += ["-chardev", f"socket,id={name},fd={end.fileno()}"]
        command = [
            *_ends_with_us(), program, *arguments, "-nodefaults", "-nic", "none", "-display", "none",
            "-icount", "shift=0", "-S", *lines, "-gdb", "chardev:gdb", "-mon", "chardev=monitor,mode=control",
        ]  # fmt: skip
        try:
            self._process = subprocess.Popen(
                command,
                pass_fds=(gdb_end.fileno(), monitor_end.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=self._printed,
                stderr=self._printed,
                start_new_session=True,  # Ctrl-C on a terminal is for us, who then close it
            )
        except OSError as error:
            _close(None, self.gdb, self.monitor, self._printed)
            raise ToolNotFound(f"{program}: cannot be started: {error.strerror}") from None
        finally:
            gdb_end.close()
            monitor_end.close()
        self._finalizer = weakref.finalize(self, _close, self._process, self.gdb, self.monitor, self._printed)

    @property
    def pid(self) -> int:
        return self._process.pid

    def how_it_ended(self) -> str:
        """In words, with what it printed; of a process that runs, that it does not answer."""
        if not self._finalizer.alive:
            return "QEMU was closed"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)  # a line is closed a moment before the process is gone
        code = self._process.poll()
        if code is None:
            how = "QEMU does not answer"
        elif code < 0:
            how = f"QEMU was ended by {signal.Signals(-code).name}"
        else:
            how = f"QEMU ended with {code}"
        self._printed.seek(0)
        text = self._printed.read()[-_TAIL_BYTES:].decode(errors="replace").strip()
        return f"{how}: {text}" if text else how

    def close(self) -> None:
        self._finalizer()


def _ends_with_us() -> tuple[str, ...]:
    """Linux: the kernel ends the child with the thread that made it, even if that is killed."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()


def _close(process: subprocess.Popen[bytes] | None, *lines: socket.socket | IO[bytes]) -> None:
    for line in lines:
        line.close()
    if process is not None:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LEAVE_S)
