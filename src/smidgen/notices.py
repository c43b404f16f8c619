# SPDX-License-Identifier: Apache-2.0
"""What a piece of work that takes unusually long says of itself, to whoever listens."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Listener = Callable[[str], None]

_LISTENER: ContextVar[Listener | None] = ContextVar("smidgen_notices", default=None)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within, ``listener`` is called with what work on this thread has to say: a phrase without a full stop."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def notify(text: str) -> None:
    """Says it, or nothing where nobody listens."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(text)
