# SPDX-License-Identifier: Apache-2.0
"""Golden files, texts under tests/golden that a test must reproduce (--update-golden), and how hypothesis runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_GOLDEN = Path(__file__).resolve().parent / "golden"

# The same verdict for the same sources, however busy the machine is.
settings.register_profile(
    "suite", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden with what the tests now produce"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden(name, text)`` compares the text with tests/golden/<name>.txt."""

    def compare(name: str, text: str) -> None:
        path = _GOLDEN / f"{name}.txt"
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path.name} is missing; run pytest --update-golden and review it"
        assert text == path.read_text(encoding="utf-8"), (
            f"{path.name} differs; if that is right, pytest --update-golden"
        )

    return compare
