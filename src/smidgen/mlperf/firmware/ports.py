# SPDX-License-Identifier: Apache-2.0
"""The boards that firmware can be made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from smidgen.build.image import RUNTIME
from smidgen.errors import UsageError


@dataclass(frozen=True, slots=True)
class Port:
    """A board's hardware layer. ``board``: the target it is for, None for any. ``wiring``: pins, in words.

    ``status`` says how far it has been tried, ``flashing`` how an image gets onto the board (Markdown, may be empty),
    ``audio`` the further pins of a device that listens.
    """

    name: str
    title: str
    board: str | None
    wiring: str
    pin: str
    status: str
    flashing: str = ""
    audio: str = ""

    def source(self) -> str:
        """The text of its C file."""
        return (self.folder / "port.c").read_text(encoding="utf-8")

    def audio_source(self) -> str:
        """The text of the C file for audio and its pins. UsageError if the port has none."""
        path = self.folder / "audio.c"
        if not path.is_file():
            able = sorted(p.name for p in PORTS.values() if (p.folder / "audio.c").is_file())
            raise UsageError(
                f"the port {self.name} has no audio input yet; {' and '.join(able)} have. To add one, write "
                f"ports/{self.name}/audio.c to what smg_audio.h says"
            )
        return path.read_text(encoding="utf-8")

    @property
    def folder(self) -> Path:
        return RUNTIME / "mlperf" / "ports" / self.name


_NOT_RUN = """\
**Not run on silicon.** This port builds with both toolchains, and its register writes were checked on an emulated core
with made-up peripherals; nobody had the board. If it does not come up: `dut/port.c` cites its source, register by
register.
"""

_FLASHING = """
## Putting it onto the board

    {}

with the board's USB debugger connected.
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
    Port(
        "nucleo-l4r5zi",
        "ST NUCLEO-L4R5ZI at 120 MHz",
        "nucleo-l4r5zi",
        "serial line on PG7 and PG8 (the ST-LINK's USB port), timestamp on PF13 (D7)",
        "PF13 (D7)",
        _NOT_RUN,
        _FLASHING.format('openocd -f board/st_nucleo_l4.cfg -c "program @.elf verify reset exit"'),
        "I2S from the interface board: word select on PE4 (CN9 pin 16), clock on PE5 (18), data on PE6 (20); to it: "
        "detections on PB8 (D15), processing on PE9 (D6)",
    ),
    Port(
        "numaker-m467hj",
        "Nuvoton NuMaker-M467HJ at 200 MHz",
        "numaker-m467hj",
        "serial line on PB12 and PB13 (the Nu-Link's USB port), timestamp on PC6",
        "PC6",
        _NOT_RUN,
        _FLASHING.format("cp @.bin /media/$USER/NuMicro*   # the drive that the Nu-Link shows; make bin first"),
    ),
)

PORTS: Mapping[str, Port] = MappingProxyType({p.name: p for p in _PORTS})
"""By name."""
