# SPDX-License-Identifier: Apache-2.0
"""The documentation is true: generated parts are current, folders and links exist, the README's Python runs."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/smidgen"
PAGES = (*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md")))


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_generated_pages_are_current() -> None:
    for path, make in generator().PAGES.items():
        assert (ROOT / path).read_text(encoding="utf-8") == make(), f"{path}: run `make docs`"


def listed_folders() -> list[str]:
    table = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("## Stages")[0]
    return [name.rstrip("/") for name in re.findall(r"^\| `([a-z_./]+)` \|", table, re.MULTILINE)]


def test_architecture_lists_every_folder_of_the_package() -> None:
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and any(p.rglob("*.[pc]*")) and p.name != "__pycache__"}
    files = {p.name for p in PACKAGE.glob("*.py")} - {"__init__.py"}
    assert set(listed_folders()) == folders | files


def test_architecture_lists_folders_in_the_order_of_the_layers_contract() -> None:
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("layers = [")[1].split("]")[0]
    layers = [re.findall(r"smidgen\.([a-z_]+)", line) for line in contract.splitlines()]
    rank = {name: i for i, names in enumerate(reversed([n for n in layers if n])) for name in names}
    order = [rank[name.removesuffix(".py")] for name in listed_folders() if name.removesuffix(".py") in rank]
    assert len(order) == len(rank)
    assert order == sorted(order)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_error_tree_lists_every_error() -> None:
    from smidgen import errors

    names = {n for n, v in vars(errors).items() if isinstance(v, type) and issubclass(v, Exception)}
    tree = set(re.findall(r"\b([A-Z][A-Za-z]+)\b", (errors.__doc__ or "").split("SmidgenError", 1)[1]))
    assert names - {"SmidgenError"} <= tree


def test_public_names_are_what_is_documented() -> None:
    import smidgen

    for name in ("load", "compile", "verify", "profile", "run", "Target"):
        assert name in smidgen.__all__
    for name in smidgen.__all__:
        value = getattr(smidgen, name)
        assert value.__doc__, f"smidgen.{name} has no docstring"


def test_every_source_file_has_one_spdx_line() -> None:
    files = [
        p
        for d in ("src", "tests", "bench", "docs")
        for p in (ROOT / d).rglob("*")
        if p.suffix in (".py", ".c", ".h", ".toml", ".md")
    ]
    for path in (*files, ROOT / "Makefile", ROOT / "check"):
        if "egg-info" not in str(path):
            head = path.read_text(encoding="utf-8").splitlines()[:2]
            assert sum("SPDX-License-Identifier: Apache-2.0" in line for line in head) == 1, path
