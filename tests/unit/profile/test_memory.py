# SPDX-License-Identifier: Apache-2.0
"""Stall cycles of flash, cache and prefetch buffer against figures by hand (5 wait states, 8-byte words)."""

from dataclasses import replace
from pathlib import Path

import pytest
from snippets import assemble

from smidgen.profile import profile_elf
from smidgen.profile.flash import FlashPort, LineCache
from smidgen.targets import FlashCache, load_target

TARGET = load_target("nucleo-l4r5zi")
ART = TARGET.flash_cache
assert ART is not None
NO_PREFETCH = replace(ART, prefetch=False)

SNIPPETS = {
    # 64 32-bit instructions that start at a multiple of 8: 32 words
    "straight": " .balign 8\n" + " nop.w\n" * 64,
    "loop": " mov r4, #100\n .balign 32\n1:" + " nop.w\n" * 6 + " subs r4, #1\n bne 1b\n",
    # a loop of 2 KB in 1 KB of cache, least recently used first: every word misses every time
    "long_loop": " mov r4, #3\n .balign 32\n1:" + " nop.w\n" * 510 + " subs r4, #1\n bne.w 1b\n",
    "table": " ldr r5, =table\n mov r4, #64\n1: ldr r6, [r5], #4\n subs r4, #1\n bne 1b\n b 2f\n .balign 32\n"
    "table: .space 256\n2: nop\n",
    "table_twice": " ldr r5, =small\n mov r4, #2\n1: ldr r6, [r5]\n ldr r7, [r5, #8]\n ldr r6, [r5, #16]\n"
    " subs r4, #1\n bne 1b\n b 2f\n .balign 32\nsmall: .space 32\n2: nop\n",
    "sram": " ldr r6, [r9]\n ldr r6, [r9, #16]\n",
}


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble(tmp_path_factory.mktemp("memory"), SNIPPETS)


def stalls(elf: Path, name: str, cache: FlashCache | None) -> int:
    target = replace(TARGET, flash_cache=cache)
    profile = profile_elf(elf, f"begin_{name}", f"end_{name}", target, memory_system=True)
    assert profile.stalls is not None
    assert profile.stalls.kind == "modelled"
    return profile.stalls.value


def test_straight_code_waits_for_every_word(elf: Path) -> None:
    assert stalls(elf, "straight", NO_PREFETCH) in (32 * 5, 33 * 5)


def test_prefetch_hides_the_cycles_a_word_keeps_the_core_busy(elf: Path) -> None:
    # a word is two instructions, 2 cycles; reading one takes 1 + 5: 4 stalls each after the first, which costs 5
    assert stalls(elf, "straight", ART) in (5 + 31 * 4, 5 + 32 * 4)


def test_a_loop_that_fits_the_cache_waits_once(elf: Path) -> None:
    assert stalls(elf, "loop", NO_PREFETCH) <= (4 + 4) * 5, "up to 4 words before the loop and 4 of it"
    assert stalls(elf, "loop", None) > 100 * 3 * 5


def test_a_loop_that_does_not_fit_waits_every_time(elf: Path) -> None:
    words = (510 * 4 + 2 + 4 + 7) // 8
    assert abs(stalls(elf, "long_loop", NO_PREFETCH) - 3 * words * 5) <= 20


def test_a_table_in_flash_is_waited_for_word_by_word(elf: Path) -> None:
    code = 12 * 5  # upper bound of its own few words and the literal
    assert 32 * 5 < stalls(elf, "table", NO_PREFETCH) <= 32 * 5 + code


def test_the_data_cache_keeps_what_was_read(elf: Path) -> None:
    once, uncached = (
        stalls(elf, "table_twice", NO_PREFETCH),
        stalls(elf, "table_twice", replace(NO_PREFETCH, data_lines=0)),
    )
    assert uncached - once == 3 * 5


def test_ram_and_zero_wait_flash_never_stall(elf: Path) -> None:
    assert stalls(elf, "sram", NO_PREFETCH) <= 2 * 5  # its own code
    flash, *ram = TARGET.regions
    fast = replace(TARGET, regions=(replace(flash, wait_states=0), *ram))
    profile = profile_elf(elf, "begin_table", "end_table", fast, memory_system=True)
    assert profile.stalls is not None
    assert profile.stalls.value == 0
    assert profile_elf(elf, "begin_sram", "end_sram", TARGET).stalls is None


def test_lines_are_replaced_least_recently_used_first() -> None:
    cache = LineCache(2, 4)
    assert not cache.take(0)  # line 0
    assert not cache.take(4)  # line 1
    assert cache.take(0)  # line 0 is now the most recent
    assert not cache.take(8)  # replaces line 1
    assert cache.replaced == 1
    assert cache.take(0)
    assert not cache.take(9), "only the word read is present"
    assert not cache.take(4)  # replaces line 0
    assert not cache.take(1), "a line taken over keeps only the words read since"
    assert cache.replaced == 3


def test_no_lines_hold_nothing() -> None:
    cache = LineCache(0, 4)
    assert not cache.take(0)
    assert not cache.take(0)
    assert not cache.keeps


def test_port_by_hand() -> None:
    port = FlashPort(5, FlashCache(2, 1, 16, 8, True, "test"))
    assert port.fetch(10, 4) == 5  # miss at 0, busy until 9; word 11 is read from 5 to 11
    assert port.fetch(10, 4) == 0  # still in it, until 13
    assert port.fetch(11, 1) == 0  # has arrived; until 14; word 12 arrives at 19
    assert port.fetch(12, 1) == 5
    assert port.fetch(10, 1) == 0  # cached
    assert port.load([100]) == 5
    assert port.load([100]) == 0
    assert port.load([101]) == 5, "the same line, another word"
    assert port.load([100]) == 0
    assert port.load([200]) == 5, "the only line is taken over"
    assert port.load([100]) == 5
    assert port.load([300, 301, 301, 300]) == 10
