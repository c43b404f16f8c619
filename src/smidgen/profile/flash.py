# SPDX-License-Identifier: Apache-2.0
"""A flash with wait states behind cache lines and a prefetch buffer, as a core meets it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smidgen.targets import FlashCache


class LineCache:
    """Fully associative lines, replaced least recently used first, filled word by word as the flash delivers them.

    Words are numbered by address / fetch_bytes. Assumed where the manual is silent: a line taken over keeps only the
    words read since. ``replaced`` counts the lines taken over: while it stands still, what was present stays present.
    """

    def __init__(self, lines: int, words_per_line: int) -> None:
        self._capacity = lines
        self._words_per_line = words_per_line
        self._lines: dict[int, int] = {}  # line -> bit mask of words present; least recently used first
        self.replaced = 0

    @property
    def keeps(self) -> bool:
        """Whether there are any lines at all."""
        return self._capacity > 0

    def line(self, word: int) -> int:
        return word // self._words_per_line

    def take(self, word: int) -> bool:
        """Whether the word was present. It is now, and its line is the most recently used."""
        if not self._capacity:
            return False
        lines = self._lines
        line = word // self._words_per_line
        bit = 1 << word % self._words_per_line
        present = lines.pop(line, 0)
        if not present and len(lines) >= self._capacity:
            del lines[next(iter(lines))]
            self.replaced += 1
        lines[line] = present | bit
        return present & bit != 0

    def touch(self, lines: Sequence[int]) -> None:
        """Makes lines that are present the most recently used, the last one last."""
        kept = self._lines
        for line in lines:
            kept[line] = kept.pop(line)


class CodeRun:
    """The flash words a block is fetched from, in order of address, with the cycles each keeps the core busy.

    Also what is remembered between two runs of it: ``present_while`` is the cache's ``replaced`` at which all of its
    words are known to be present.
    """

    __slots__ = ("cycles", "first", "last", "last_cycles", "lines", "present_while", "words")

    def __init__(self, words: Sequence[tuple[int, int]], cache: LineCache) -> None:
        self.words = tuple(words)
        self.first, self.last = words[0][0], words[-1][0]
        self.cycles = sum(cycles for _, cycles in words)
        self.last_cycles = words[-1][1]
        self.lines = tuple(dict.fromkeys(cache.line(word) for word, _ in words))
        self.present_while = -1


class FlashPort:
    """A flash with wait states as the core meets it: instruction side with prefetch, and data side.

    A miss stalls for the wait states. With prefetch, entering a word starts the read of the next one, which stalls
    for what is left of its wait states when the core gets there. Both sides never compete for the flash here.
    """

    def __init__(self, wait_states: int, cache: FlashCache) -> None:
        words_per_line = cache.line_bytes // cache.fetch_bytes
        self._wait_states = wait_states
        self._prefetch = cache.prefetch
        self.code = LineCache(cache.instruction_lines, words_per_line)
        self._data = LineCache(cache.data_lines, words_per_line)
        self._now = 0  # cycles, stalls included
        self._code_word = -1
        self._data_word = -1
        self._coming = -1  # the word being prefetched
        self._arrives = 0
        self._newest: CodeRun | None = None  # its lines are the most recently used, in order

    def enter(self, run: CodeRun) -> int:
        """Stall cycles of a whole run: those of ``fetch`` for each of its words, found with less work if it can be."""
        code = self.code
        if run.present_while == code.replaced and self._wait_states:
            self._enter_present(run)
            return 0
        self._newest = None
        before = code.replaced
        stalls = 0
        for word, cycles in run.words:
            stalls += self.fetch(word, cycles)
        if code.keeps:
            run.present_while = before  # of no use if the run replaced a line itself
        return stalls

    def _enter_present(self, run: CodeRun) -> None:
        """What ``fetch`` does when every word is present: no stall, lines touched, and one prefetch outlives the run.

        Each word entered starts the read of the next, which is then entered: only the last read counts.
        """
        now = self._now
        self._now = now + run.cycles
        if run.first == run.last == self._code_word:
            return
        if self._newest is not run:
            self.code.touch(run.lines)
            self._newest = run
        self._code_word = run.last
        if self._prefetch:
            self._coming = run.last + 1
            self._arrives = now + run.cycles - run.last_cycles + self._wait_states + 1

    def fetch(self, word: int, cycles: int) -> int:
        """Stall cycles on entering a word of code that then keeps the core busy for ``cycles``."""
        stall = 0
        if word != self._code_word and self._wait_states:
            if not self.code.take(word):
                stall = max(0, self._arrives - self._now) if word == self._coming else self._wait_states
            self._code_word = word
            if self._prefetch and word + 1 != self._coming:
                self._coming = word + 1
                self._arrives = self._now + stall + self._wait_states + 1  # the flash reads a word in 1 + wait states
        self._now += stall + cycles
        return stall

    def load(self, words: Iterable[int]) -> int:
        """Stall cycles of data accesses to words, one after the other."""
        take, last = self._data.take, self._data_word
        misses = 0
        for word in words:
            if word != last:
                last = word
                if not take(word):
                    misses += 1
        self._data_word = last
        stalls = misses * self._wait_states
        self._now += stalls
        return stalls
