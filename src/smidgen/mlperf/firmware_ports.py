# SPDX-License-Identifier: Apache-2.0
"""The boards that firmware can be made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from smidgen.build.image import RUNTIME


@dataclass(frozen=True, slots=True)
class Port:
    """A board's hardware layer. ``board``: the target it is for, None for any. ``wiring``: pins, in words.

    ``status`` says how far it has been tried, ``flashing`` how an image gets onto the board (Markdown, may be empty).
    """

    name: str
    title: str
    board: str | None
    wiring: str
    pin: str
    status: str
    flashing: str = ""

    def source(self) -> str:
        """The text of its C file."""
        return (self.folder / "port.c").read_text(encoding="utf-8")

    @property
    def folder(self) -> Path:
        return RUNTIME / "mlperf" / "ports" / self.name


_NOT_RUN = """\
**Not run on silicon.** This port builds with both toolchains, and its register writes were checked on an emulated core
with made-up peripherals; nobody had the board. If it does not come up: `dut/port.c` cites its source, register by
register.
"""

_PORTS = (
    Port(
        "virtual",
        "the emulated board of smidgen",
        None,
        "one page of registers at 0x40070000",
        "bit 0 of the page's PIN register",
        "It runs on the emulated board (`smidgen board`), on no silicon.\n",
    ),
)

PORTS: Mapping[str, Port] = MappingProxyType({p.name: p for p in _PORTS})
"""By name."""
