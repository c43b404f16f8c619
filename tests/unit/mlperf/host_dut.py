# SPDX-License-Identifier: Apache-2.0
"""The firmware's core as a program of this machine: bytes on standard input, replies on standard output."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from smidgen.build import address_sanitizer, build_host
from smidgen.codegen.sources import Interface, Sources
from smidgen.mlperf.firmware import Firmware

PORT = r"""
#include "smg_port.h"
#include <stdio.h>
#include <stdlib.h>

const uint32_t smg_port_core_hertz = 1000000u;
static uint32_t now;

void smg_port_initialize(uint32_t baud) { fprintf(stderr, "baud %u\n", (unsigned)baud); }

bool smg_port_readable(void) {
    const int c = getchar();
    if (c == EOF) {
        (void)fflush(stdout);
        exit(0);
    }
    (void)ungetc(c, stdin);
    return true;
}

void smg_port_wait(void) {}
uint8_t smg_port_read(void) { return (uint8_t)getchar(); }
void smg_port_write(uint8_t byte) { putchar(byte); }
uint32_t smg_port_microseconds(void) { return now += 1000u; }
void smg_port_timestamp_pin(bool high) { fprintf(stderr, "pin %d\n", high); }
"""

BLOCKS = r"""
uint32_t smg_port_receive(uint8_t *to, uint32_t most) {
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    const uint32_t size = (state >> 24 & 3u) == 0 ? most : 1u + (state >> 16) % most; /* of any size, often the most */
    uint32_t n = 0;
    (void)smg_port_readable();
    while (n < size) {
        const int c = getchar();
        if (c == EOF) break;
        to[n++] = (uint8_t)c;
        if (c == '%') break;
    }
    return n;
}
"""
"""Added to PORT: bytes arrive in blocks, as DMA with character match brings them."""


class HostDut:
    """A built program; every ``run`` is a fresh device."""

    def __init__(
        self, made: Firmware, work_dir: Path, *, replaced: Mapping[str, str] | None = None, port: str = PORT
    ) -> None:
        """``replaced``: files of the firmware to build with other text, by path."""
        has_address, _ = address_sanitizer(work_dir)
        files = {**made.files, **(replaced or {}), "dut/port.c": port}
        kept = {p: t for p, t in files.items() if p.endswith((".c", ".h")) and not p.startswith("runtime/")}
        sources = Sources("dut", kept, {}, Interface((), (), (), "", ""), "")
        sanitize = "address" if has_address else "undefined"
        self.program = build_host(sources, "executable", work_dir=work_dir, sanitize=sanitize)

    def run(self, stream: bytes, timeout: float = 60.0) -> tuple[str, str]:
        """What a device says to a whole stream, boot text included, and what the port noted."""
        done = subprocess.run([str(self.program)], input=stream, capture_output=True, timeout=timeout, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
        return done.stdout.decode("latin-1"), done.stderr.decode()

    def replies(self, stream: bytes) -> list[list[str]]:
        """The lines of each reply but the last, m-ready; the boot text is checked and left out."""
        said, _ = self.run(stream)
        boot, *replies = said.split("m-ready\r\n")
        assert boot.endswith("m-init-done\r\n")
        assert replies.pop() == "", "something was said after the last m-ready"
        return [r.split("\r\n")[:-1] for r in replies]
