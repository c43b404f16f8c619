# SPDX-License-Identifier: Apache-2.0
"""The protocol core on this machine, under sanitizers: every command, every hazard, any bytes."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smidgen.mlperf.firmware import firmware
from smidgen.mlperf.tasks import TASKS
from tests.unit.mlperf.dut_models import kws
from tests.unit.mlperf.host_dut import BLOCKS, PORT, HostDut
from tests.unit.mlperf.protocol_model import DeviceModel, normalized
from tests.unit.mlperf.streams import conversation

NBYTES = 490
FUZZ_SECONDS = float(os.environ.get("SMIDGEN_FUZZ_SECONDS", "3"))

# An inference that costs nothing, and a limit: a damaged `infer` may ask for billions.
STUB = """
#include "smg_dut_model.h"
#include "smg_th.h"
#include <stdlib.h>
smg_input_element smg_input[SMG_INPUTS];
smg_output_element smg_output[SMG_OUTPUTS];
static long left = 20000000;
void th_final_initialize(void) {}
void th_pre(void) {}
void th_infer(void) {
    if (--left == 0) exit(0);
}
void th_post(void) {}
"""


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> HostDut:
    made = firmware(kws(), TASKS["kws"], port="nucleo-l4r5zi")
    return HostDut(made, tmp_path_factory.mktemp("dut"), replaced={"dut/smg_model.c": STUB})


@pytest.fixture(scope="module")
def block_device(tmp_path_factory: pytest.TempPathFactory) -> HostDut:
    made = firmware(kws(), TASKS["kws"], port="nucleo-l4r5zi")
    return HostDut(made, tmp_path_factory.mktemp("blocks"), replaced={"dut/smg_model.c": STUB}, port=PORT + BLOCKS)


def test_boot_text_in_performance_mode(device: HostDut) -> None:
    said, noted = device.run(b"")
    assert said == "m-timestamp-mode-performance\r\nm-lap-us-1000\r\nm-init-done\r\nm-ready\r\n"
    assert noted == "baud 115200\n"


def test_boot_text_in_energy_mode(tmp_path: Path) -> None:
    made = firmware(kws(), TASKS["kws"], port="nucleo-l4r5zi", mode="energy", vendor="A b+c")
    said, noted = HostDut(made, tmp_path, replaced={"dut/smg_model.c": STUB}).run(b"timestamp%name%")
    boot = "m-timestamp-mode-energy\r\nm-init-done\r\nm-ready\r\n"
    assert said == f"{boot}m-ready\r\nm-name-dut-[A b+c]\r\nm-ready\r\n"
    assert noted == "baud 9600\n" + "pin 0\npin 1\n" * 2


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"name%", ["m-name-dut-[smidgen]"]),
        (b"profile%", ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[kws01]"]),
        (b"%", []),
        (b"\r\n%", []),
        (b"\x00\xff\r\nname\r\n%", ["m-name-dut-[smidgen]"]),
        (b"na\rme%", ["e-[Unknown command: na?me]"]),
        (b"bogus 1%", ["e-[Unknown command: bogus]"]),
        (b"db 00%", ["e-[Command 'db' requires 'db load' first]"]),
        (b"db%", ["e-[Command 'db' requires a subcommand]"]),
        (b"db load%", ["e-[Command 'db load' requires the # of bytes]"]),
        (b"db load 0%", ["e-[Command 'db load' must be >0 bytes]"]),
        (b"db load 491%", ["e-[Supplied buffer size 491 exceeds maximum of 490]"]),
        (b"db load 4294967297%", ["e-[Supplied buffer size 4294967297 exceeds maximum of 490]"]),
        (b"db load 2%db 0%", ["e-[Insufficent number of hex digits]"]),
        (b"db load 2%db 0x%", ["e-[Invalid hex digit '0x']"]),
        (b"db load 2%db AbcDEF%", ["m-load-done"]),
        (b"db load 2%db 0102%db 03%", ["e-[The buffer is full: use 'db load' again]"]),
        (b"db load 9%db 000102030405060708%db print%", ["m-buffer-00-01-02-03-04-05-06-07", "m-buffer-08"]),
        (b"db load 4%db aabbccdd%db print 2 1%", ["m-buffer-bb-cc"]),
        (b"db load 4%db aabbcc%db setptr 1%db ddeeff%db print%", ["m-buffer-aa-dd-ee-ff"]),
        (b"db load 4%db aa%db setptr 2%", ["e-[Command 'db setptr' takes a position of at most 1]"]),
        (b"infer 1 0%", ["e-[Input has 0 bytes, the model takes 490]"]),
        (b"infer 0%", ["e-[Inference iterations must be >0]"]),
        (b"infer -1%", ["e-[Inference iterations must be >0]"]),
        (b"infer 1 -1%", ["e-[Inference warmup must be >=0]"]),
        (b"infer 4294967297 0%", ["e-[Inference iterations and warmup must be <=2147483647]"]),
        (b"results%", ["e-[No results before an inference]"]),
        (b"x" * 81 + b"%", ["e-[Command longer than 80 characters]"]),
        (b"x" * 100_000 + b"%name%", ["m-name-dut-[smidgen]"]),
        (b"x" * 80 + b"%", [f"e-[Unknown command: {'x' * 80}]"]),
    ],
)
def test_reply(device: HostDut, stream: bytes, expected: list[str]) -> None:
    assert device.replies(stream)[-1] == expected


def test_inference_prints_the_benchmarks_lines(device: HostDut) -> None:
    load = b"db load 490%" + b"".join(b"db " + b"00" * 35 + b"%" for _ in range(14))
    *_, defaults, given_ = device.replies(load + b"infer%infer 5 2%")
    results = f"m-results-[{','.join(['-4.125'] * 12)}]"
    assert defaults == [
        "m-warmup-start-10", "m-warmup-done", "m-infer-start-1", "m-lap-us-2000", "m-lap-us-3000", "m-infer-done",
        results,
    ]  # fmt: skip
    assert given_[0] == "m-warmup-start-2"
    assert given_[2] == "m-infer-start-5"


def test_a_failed_load_leaves_no_old_input(device: HostDut) -> None:
    load = b"db load 490%" + b"".join(b"db " + b"00" * 35 + b"%" for _ in range(14))
    assert device.replies(load + b"db load 9999%infer 1 0%")[-1] == ["e-[Input has 0 bytes, the model takes 490]"]


def test_help_names_every_command(device: HostDut) -> None:
    (lines,) = device.replies(b"help%")
    assert lines[:2] == ["ULPMark for tinyML Firmware V0.0.1", ""]
    for name in ("help", "name", "timestamp", "profile", "db load", "db print", "infer", "results"):
        assert any(line.startswith(name) for line in lines)


_command = st.one_of(
    st.binary(max_size=100),
    st.sampled_from([b"name", b"profile", b"results", b"infer 1 0", b"db print", b"db load 4", b"db 00ff", b"help"]),
    st.builds(lambda n: f"db load {n}".encode(), st.integers(-5, 500)),
    st.builds(lambda b: b"db " + b.hex().encode(), st.binary(max_size=40)),
)


@settings(max_examples=60)
@given(st.lists(_command, max_size=12))
@example([b"db load 490", b"infer 1 0", b"\x00"])
def test_any_bytes_get_the_replies_of_the_model(device: HostDut, commands: list[bytes]) -> None:
    stream = b"%".join([*commands, b"name%"])
    assert [normalized(r) for r in device.replies(stream)] == DeviceModel(NBYTES).replies(stream)


def _fuzz(device: HostDut, seconds: float, seed: int) -> int:
    """Damaged conversations against the model, until the time is over; returns how many commands were answered."""
    rng, answered = random.Random(seed), 0
    end = time.monotonic() + seconds
    # a damaged `infer` may ask for billions and end the stub's program: then fewer replies are compared
    while time.monotonic() < end:
        stream = b"".join(conversation(rng, NBYTES) + b"%" for _ in range(60))
        expected = DeviceModel(NBYTES).replies(stream)
        said, _ = device.run(stream)
        got = [normalized(r.split("\r\n")[:-1]) for r in said.split("m-ready\r\n")[1:-1]]
        assert got == expected[: len(got)], f"seed {seed}"
        answered += len(got)
    return answered


def test_fuzz(device: HostDut) -> None:
    assert _fuzz(device, FUZZ_SECONDS, seed=int(os.environ.get("SMIDGEN_FUZZ_SEED", "1"))) > 1000


def test_fuzz_of_blocks(block_device: HostDut) -> None:
    assert _fuzz(block_device, FUZZ_SECONDS, seed=int(os.environ.get("SMIDGEN_FUZZ_SEED", "1"))) > 1000


@pytest.mark.parametrize("digits", [4, 6, 7, 8, 40])
def test_every_byte_is_a_digit_or_is_none(device: HostDut, digits: int) -> None:
    """In every place of a command: the fast way through digits takes what the table of digits has, and nothing else."""
    rng = random.Random(digits)
    texts = [bytearray(rng.choice(b"0123456789abcdefABCDEF") for _ in range(digits)) for _ in range(256 * digits)]
    for i, text in enumerate(texts):
        text[i // 256] = i % 256
    stream = b"".join(b"db load 3%db " + bytes(text) + b"%db print%" for text in texts if b"%" not in text)
    assert [normalized(r) for r in device.replies(stream)] == DeviceModel(NBYTES).replies(stream)


@pytest.mark.full
def test_fuzz_for_ten_minutes(device: HostDut) -> None:
    assert _fuzz(device, 600, seed=2) > 100_000
