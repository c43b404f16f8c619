# SPDX-License-Identifier: Apache-2.0
"""Permutations of dimensions: inverses, those that move nothing, and those that a reshape can be moved across."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Permutation = tuple[int, ...]


def keeps_order(shape: Sequence[int], permutation: Permutation) -> bool:
    """True where a transpose moves no element: only dimensions of length 1 change places."""
    long = [p for p in permutation if shape[p] != 1]
    return long == sorted(long)


def inverse(permutation: Permutation) -> Permutation:
    return tuple(int(i) for i in np.argsort(permutation))


@dataclass(frozen=True, slots=True)
class MovedReshape:
    """A reshape to ``shape``, then a transpose by ``permutation``."""

    shape: tuple[int, ...]
    permutation: Permutation


def moved_reshape(base: Sequence[int], permutation: Permutation, to: Sequence[int]) -> MovedReshape | None:
    """Transpose, then Reshape to ``to`` as Reshape, then Transpose; None where no such pair of them exists.

    The dimensions on both sides of the reshape fall into blocks of equal size; the dimensions of each block have to lie
    side by side, in the same order, in the base too.
    """
    rank_of = {p: i for i, p in enumerate(p for p in range(len(base)) if base[p] != 1)}
    before = [p for p in permutation if base[p] != 1]
    leading = next((i for i, d in enumerate(to) if d != 1), len(to))
    after = _with_ones(to, leading)
    found = _blocks([base[p] for p in before], [math.prod(to[i] for i in group) for group in after])
    if found is None:
        return None
    placed: list[tuple[int, list[int]]] = []
    for old, new in found:
        places = [rank_of[before[i]] for i in old]
        if places != list(range(places[0], places[0] + len(places))):
            return None
        placed.append((places[0], [i for k in new for i in after[k]]))
    order = [*range(leading), *(i for _, group in sorted(placed) for i in group)]
    return MovedReshape(tuple(to[i] for i in order), inverse(tuple(order)))


def _with_ones(shape: Sequence[int], first: int) -> list[list[int]]:
    """The dimensions longer than 1, from ``first`` on, each with those of length 1 before it, the last also with those
    behind it."""
    groups: list[list[int]] = []
    ones: list[int] = []
    for i in range(first, len(shape)):
        ones.append(i)
        if shape[i] != 1:
            groups.append(ones)
            ones = []
    if groups:
        groups[-1] += ones
    return groups


def _blocks(old: Sequence[int], new: Sequence[int]) -> list[tuple[range, range]] | None:
    """The smallest runs of dimensions of equal product on both sides."""
    blocks, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        begin, a, b = (i, j), old[i], new[j]
        i, j = i + 1, j + 1
        while a != b:
            if a < b and i < len(old):
                a, i = a * old[i], i + 1
            elif b < a and j < len(new):
                b, j = b * new[j], j + 1
            else:
                return None
        blocks.append((range(begin[0], i), range(begin[1], j)))
    return blocks if i == len(old) and j == len(new) else None
