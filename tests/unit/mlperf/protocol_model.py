# SPDX-License-Identifier: Apache-2.0
"""What a device must answer to any bytes, written down apart from the C: the oracle of the protocol's tests."""

from __future__ import annotations

import re

from smidgen.mlperf.firmware import COMMAND_BYTES

MOST = 2**31 - 1
UNKNOWN = "e-[Unknown command: {}]"


class DeviceModel:
    """A device whose input has ``nbytes``; times and results are given as placeholders."""

    def __init__(self, nbytes: int, model_id: str = "kws01") -> None:
        self.nbytes, self.model_id = nbytes, model_id
        self.expected = 0
        self.data = bytearray()
        self.inferred = False

    def replies(self, stream: bytes) -> list[list[str]]:
        """One reply a terminator; what follows the last one is not answered."""
        return [self.reply(command) for command in stream.split(b"%")[:-1]]

    def reply(self, raw: bytes) -> list[str]:
        raw = re.sub(rb"^[^\x21-\x7e]+", b"", raw)
        if len(raw) > COMMAND_BYTES:
            return [f"e-[Command longer than {COMMAND_BYTES} characters]"]
        text = "".join(chr(c) if 32 <= c < 127 else "?" for c in raw.rstrip(b"\r\n"))
        name, *words = [w for w in text.split(" ") if w] or [""]
        handler = getattr(self, f"_{name}", None) if name in _NAMES else None
        if name and handler is None:
            return [UNKNOWN.format(name)]
        lines: list[str] = handler(words) if handler else []
        return lines

    def _name(self, words: list[str]) -> list[str]:
        return ["m-name-dut-[smidgen]"]

    def _timestamp(self, words: list[str]) -> list[str]:
        return ["LAP"]

    def _profile(self, words: list[str]) -> list[str]:
        return ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", f"m-model-[{self.model_id}]"]

    def _help(self, words: list[str]) -> list[str]:
        return ["HELP"]

    def _results(self, words: list[str]) -> list[str]:
        return ["RESULTS"] if self.inferred else ["e-[No results before an inference]"]

    def _infer(self, words: list[str]) -> list[str]:
        n, w = [*words, "10"][:2] if words else ("1", "10")
        if any(_number(x) == "large" for x in (n, w)):
            return [f"e-[Inference iterations and warmup must be <={MOST}]"]
        if _number(n) in (None, 0):
            return ["e-[Inference iterations must be >0]"]
        if _number(w) is None:
            return ["e-[Inference warmup must be >=0]"]
        if len(self.data) != self.nbytes:
            return [f"e-[Input has {len(self.data)} bytes, the model takes {self.nbytes}]"]
        self.inferred = True
        around = [f"m-warmup-start-{int(w)}", "m-warmup-done", f"m-infer-start-{int(n)}"]
        return [*around, "LAP", "LAP", "m-infer-done", "RESULTS"]

    def _db(self, words: list[str]) -> list[str]:
        if not words:
            return ["e-[Command 'db' requires a subcommand]"]
        if words[0] == "load":
            return self._load(words[1:])
        if words[0] == "setptr":
            return self._set_pointer(words[1:])
        return self._print(words[1:]) if words[0] == "print" else self._bytes(words[0])

    def _load(self, words: list[str]) -> list[str]:
        self.expected, self.data = 0, bytearray()
        if not words:
            return ["e-[Command 'db load' requires the # of bytes]"]
        n = _number(words[0])
        if n in (None, 0):
            return ["e-[Command 'db load' must be >0 bytes]"]
        if not isinstance(n, int) or n > self.nbytes:
            return [f"e-[Supplied buffer size {words[0]} exceeds maximum of {self.nbytes}]"]
        self.expected = n
        return [f"m-[Expecting {n} bytes]"]

    def _set_pointer(self, words: list[str]) -> list[str]:
        n = _number(words[0]) if words else None
        if not isinstance(n, int) or n > len(self.data):
            return [f"e-[Command 'db setptr' takes a position of at most {len(self.data)}]"]
        del self.data[n:]
        return []

    def _print(self, words: list[str]) -> list[str]:
        numbers = [_number(w) for w in words[:2]]
        if any(not isinstance(n, int) for n in numbers):
            return ["e-[Command 'db print' takes two numbers: bytes, offset]"]
        n, offset = (*numbers, *(len(self.data), 0)[len(numbers) :])
        assert isinstance(n, int)
        assert isinstance(offset, int)
        shown = self.data[offset : offset + n]
        return [f"m-buffer-{shown[i : i + 8].hex('-')}" for i in range(0, len(shown), 8)]

    def _bytes(self, digits: str) -> list[str]:
        if len(digits) % 2:
            return ["e-[Insufficent number of hex digits]"]
        pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
        for pair in pairs:
            if not re.fullmatch("[0-9a-fA-F]{2}", pair):
                return [f"e-[Invalid hex digit '{pair}']"]
        room = self.expected - len(self.data)
        if room == 0:
            return [
                "e-[The buffer is full: use 'db load' again]"
                if self.expected
                else "e-[Command 'db' requires 'db load' first]"
            ]
        self.data += bytes.fromhex("".join(pairs[:room]))
        return ["m-load-done"] if len(self.data) == self.expected else []


_NAMES = ("name", "timestamp", "profile", "help", "results", "infer", "db")


def _number(text: str) -> int | str | None:
    """A number, "large" for one that no command takes, None for anything else."""
    if not re.fullmatch("[0-9]+", text):
        return None
    value = int(text)
    return value if value <= MOST else "large"


def normalized(lines: list[str]) -> list[str]:
    """A device's reply with times, results and help text as the model has them."""
    out = ["LAP" if re.fullmatch(r"m-lap-us-[0-9]+", line) else line for line in lines]
    out = ["RESULTS" if re.fullmatch(r"m-results-\[[-0-9.,naif]+\]", line) else line for line in out]
    if out[:2] == ["ULPMark for tinyML Firmware V0.0.1", ""] and len(out) > 5:
        return ["HELP"]
    return out
