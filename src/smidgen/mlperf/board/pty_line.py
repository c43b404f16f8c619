# SPDX-License-Identifier: Apache-2.0
"""A pseudo-terminal: the serial port that other programs see of a virtual board."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import termios
import tty
from pathlib import Path
from types import TracebackType

from smidgen.errors import OutputError, UsageError

_READ_BYTES = 1 << 16


class PtyLine:
    """State: both ends of the terminal, and the symbolic link to it. Used as a context manager, or closed.

    The end for programs stays open here too, so that they may close it and come back, and find it raw: no echo, no
    translation of line ends.
    """

    def __init__(self, link: Path | None = None) -> None:
        """UsageError if ``link`` is something already, OutputError if it cannot be made."""
        self._ours, self._theirs = os.openpty()
        self.path = Path(os.ttyname(self._theirs))
        self.link: Path | None = None
        try:
            tty.setraw(self._theirs)
            os.set_blocking(self._ours, False)
            if link is not None:
                _make_link(link, self.path)
                self.link = link
        except BaseException:
            self.close()
            raise

    def wait(self, seconds: float, *, hear: bool, say: bool) -> None:
        """Until something can be heard or said, whichever is wanted, or the time is over."""
        select.select([self._ours] if hear else [], [self._ours] if say else [], [], seconds)

    def hear(self) -> bytes:
        """What programs have written, ``b""`` if nothing."""
        try:
            return os.read(self._ours, _READ_BYTES)
        except BlockingIOError:
            return b""

    def say(self, data: bytes) -> int:
        """Writes to whoever reads; returns how many bytes there was room for."""
        try:
            return os.write(self._ours, data)
        except BlockingIOError:
            return 0

    def share(self) -> None:
        """Undoes a program's exclusive use (TIOCEXCL), which would otherwise outlive it."""
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._theirs, termios.TIOCNXCL)

    def close(self) -> None:
        """Removes the terminal and the link to it; again is harmless."""
        if self.link is not None:
            with contextlib.suppress(OSError):
                if os.readlink(self.link) == str(self.path):
                    self.link.unlink()
            self.link = None
        for end in (self._ours, self._theirs):
            if end >= 0:
                os.close(end)
        self._ours = self._theirs = -1

    def __enter__(self) -> PtyLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _make_link(link: Path, path: Path) -> None:
    with contextlib.suppress(OSError):
        if link.is_symlink() and (not link.exists() or os.readlink(link) == str(path)):
            link.unlink()  # of a board that was killed; its terminal is gone, or has just become ours
    try:
        link.symlink_to(path)
    except FileExistsError:
        raise UsageError(
            f"--link {link} exists already: choose another name, or remove it if no board uses it"
        ) from None
    except OSError as error:
        raise OutputError(f"{link}: cannot be made: {error.strerror}; choose another place for --link") from None
