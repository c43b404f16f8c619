# SPDX-License-Identifier: Apache-2.0
"""Text templates beside this file, with @name@ fields."""

from __future__ import annotations

import re
from pathlib import Path

_FIELD = re.compile(r"@([a-z_]+)@")
_FOLDER = Path(__file__).parent / "templates"


def fill(template: str, **fields: object) -> str:
    """The template with every field replaced. KeyError, our bug, for a field that is not given."""
    text = (_FOLDER / template).read_text(encoding="utf-8")
    return _FIELD.sub(lambda m: str(fields[m.group(1)]), text)
