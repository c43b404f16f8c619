# SPDX-License-Identifier: Apache-2.0
"""Command streams as a host in good and bad health sends them: made from the protocol's grammar, then damaged."""

from __future__ import annotations

import random

_WORDS = (
    "name", "timestamp", "profile", "help", "results", "infer", "infer 1", "infer 1 0", "infer 3 2", "infer 0",
    "infer -1", "infer 1 -1", "infer x", "infer 1 x", "infer 2147483648", "infer 1 99999999999999999999", "db",
    "db load", "db load 0", "db load -3", "db load 491", "db load 4294967786", "db load 5x", "db print", "db print 10",
    "db print 9 3", "db print 2147483647 2147483647", "db print x", "db print 3 99999999999", "db 0", "db zz", "db 0g",
    "db 00112233", "namename", "", " ", "start", "m-ready", "db  load   2", " name", "name ", "db load 490 7",
)  # fmt: skip
_NOISE = b"\x00\xff\r\n\x80 %9aZ\x7f\x1b"


def damaged(rng: random.Random, stream: bytes) -> bytes:
    """Drops, doubles, changes and inserts bytes, and cuts and repeats pieces."""
    data = bytearray(stream)
    for _ in range(rng.choice((0, 0, 0, 1, 2, 8))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            del data[at : at + rng.choice((1, 1, 2, 30))]
        elif kind == 1:
            data[at:at] = data[at : at + rng.choice((1, 1, 5, 60))]
        elif kind == 2:
            data[at:at] = bytes(rng.choice(_NOISE) for _ in range(rng.choice((1, 1, 3, 90))))
        elif at < len(data):
            data[at] = rng.randrange(256) if kind == 3 else data[at] ^ (1 << rng.randrange(8))
    return bytes(data)


def conversation(rng: random.Random, nbytes: int) -> bytes:
    """A few commands, or a whole download and an inference, whole or damaged."""
    if rng.random() < 0.4:
        data = rng.randbytes(rng.choice((nbytes, nbytes, nbytes, nbytes - 1, 8, 1)))
        parts = [f"db load {len(data)}%".encode()]
        size = rng.choice((31, 26, 38, 39, 1 + rng.randrange(31)))
        parts += [f"db {data[i : i + size].hex()}%".encode() for i in range(0, len(data), size)]
        stream = b"".join((*parts, b"infer 1 0%db print%results%"))
    else:
        stream = b"".join(rng.choice(_WORDS).encode() + b"%" for _ in range(1 + rng.randrange(12)))
    return damaged(rng, stream)
