# SPDX-License-Identifier: Apache-2.0
"""One progress bar after another, for work that tells its stages as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from smidgen.cli.common import Progressed, progress


@contextmanager
def stages(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A function of (stage, done, total): each stage has a bar of its own; a total of 0 is not known.

    What follows ": " in a stage are particulars, which may change from call to call."""
    with ExitStack() as stack:
        shown: list[tuple[str, Progressed]] = []

        def tell(stage: str, done: int, total: int) -> None:
            name = stage.partition(": ")[0]
            if not shown or shown[-1][0] != name:
                stack.pop_all().close()
                shown[:] = [(name, stack.enter_context(progress(stage, total or 0, quiet=quiet)))]
            shown[-1][1](done, total or None, stage)

        yield tell
