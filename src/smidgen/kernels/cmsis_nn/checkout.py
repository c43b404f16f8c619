# SPDX-License-Identifier: Apache-2.0
"""A user's checkout of CMSIS-NN: whether it is one, of which version, and which files a function of it reaches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from smidgen.errors import UsageError
from smidgen.kernels.library import LibraryCode

NAME, VARIABLE, INCLUDE = "CMSIS-NN", "CMSIS_NN_PATH", "Include"
_HEADER = f"{INCLUDE}/arm_nnfunctions.h"
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_DEFINITION = re.compile(r"^(?!static\b|__STATIC|typedef\b|#)[A-Za-z_][\w \t*\n]*?\b(\w+)\s*\([^;{}()]*\)\s*\{", re.M)
_TABLE = re.compile(r"^(?:const\s+)?\w+\s+(\w+)\s*\[[^\]\n]*\]\s*=", re.M)
_WORD = re.compile(r"\b[A-Za-z_]\w*\b")

_CONTEXT, _DIMS, _IN, _OUT = "cmsis_nn_context*", "cmsis_nn_dims*", "int8_t*", "int8_t*"
_LAYER = (_DIMS, _IN, _DIMS, "int8_t*", _DIMS, "int32_t*", _DIMS, _OUT)
_WINDOW_SIZE = (_DIMS, _DIMS, _DIMS)
_INT = "int32_t"
_POOL = (_CONTEXT, "cmsis_nn_pool_params*", _DIMS, _IN, _DIMS, _DIMS, _OUT)
_CONV, _DEPTHWISE = "cmsis_nn_conv_params*", "cmsis_nn_dw_conv_params*"
_CHANNELS = "cmsis_nn_per_channel_quant_params*"

API: Mapping[str, tuple[str, ...]] = {
    "arm_convolve_wrapper_s8": (_CONTEXT, _CONV, _CHANNELS, *_LAYER),
    "arm_depthwise_conv_wrapper_s8": (_CONTEXT, _DEPTHWISE, _CHANNELS, *_LAYER),
    "arm_fully_connected_wrapper_s8": (_CONTEXT, "cmsis_nn_fc_params*", "cmsis_nn_quant_params*", *_LAYER),
    "arm_vector_sum_s8": ("int32_t*", _INT, _INT, "int8_t*", _INT, _INT, "int32_t*"),
    "arm_avgpool_s8": _POOL,
    "arm_max_pool_s8": _POOL,
    "arm_softmax_s8": (_IN, _INT, _INT, _INT, _INT, _INT, _OUT),
    "arm_elementwise_add_s8": (_IN, _IN, *(_INT,) * 7, _OUT, *(_INT,) * 6),
    "arm_elementwise_mul_s8": (_IN, _IN, *(_INT,) * 2, _OUT, *(_INT,) * 6),
    **{f"arm_convolve_wrapper_s8_get_buffer_size{v}": (_CONV, *_WINDOW_SIZE) for v in ("", "_dsp", "_mve")},
    **{f"arm_depthwise_conv_wrapper_s8_get_buffer_size{v}": (_DEPTHWISE, *_WINDOW_SIZE) for v in ("", "_dsp", "_mve")},
    **{f"arm_fully_connected_s8_get_buffer_size{v}": (_DIMS,) for v in ("", "_dsp", "_mve")},
    **{f"arm_avgpool_s8_get_buffer_size{v}": ("int", "int") for v in ("", "_dsp", "_mve")},
}
"""Every function that is called, with the types of its parameters but for const: the API of 2024 and later."""


@dataclass(frozen=True)
class Checkout:
    """A checkout that has the API above. ``defined_in``: the files that define each name."""

    root: Path
    version: str
    headers: tuple[str, ...]
    defined_in: Mapping[str, frozenset[str]]
    words: Mapping[str, frozenset[str]]  # of each source file

    def reached(self, functions: Iterable[str]) -> LibraryCode:
        """The sources that these functions are in, and all that those name; too many rather than too few."""
        todo, found = list(functions), set[str]()
        while todo:
            new = self.defined_in.get(todo.pop(), frozenset()) - found
            found |= new
            todo += [w for path in new for w in self.words[path] if w in self.defined_in]
        return LibraryCode(NAME, self.version, VARIABLE, self.root, INCLUDE, self.headers, tuple(sorted(found)))


@cache
def read_checkout(root: Path) -> Checkout:
    """The checkout at ``root``. UsageError if there is none, if it is something else or has another API."""
    texts = {p: (root / p).read_text(encoding="utf-8", errors="replace") for p in _files(root, "Source", "*.c")}
    if not texts or not (root / _HEADER).is_file():
        raise UsageError(f"{root} is not a checkout of {NAME}: it has no {_HEADER} or no Source/*/*.c. {_REMEDY}")
    header = (root / _HEADER).read_text(encoding="utf-8", errors="replace")
    version = _version(root, header)
    _check_api(root, header, version)
    code = {path: _COMMENT.sub(" ", text) for path, text in texts.items()}
    defined: dict[str, set[str]] = {}
    for path, text in code.items():
        for name in (*_DEFINITION.findall(text), *_TABLE.findall(text)):
            defined.setdefault(name, set()).add(path)
    if missing := sorted(API.keys() - defined.keys()):
        raise UsageError(f"{NAME} at {root} ({version}) declares {missing[0]} but no source defines it. {_REMEDY}")
    words = {path: frozenset(_WORD.findall(text)) for path, text in code.items()}
    headers = _files(root, INCLUDE, "*.h") + _files(root, "Source", "*.h")
    return Checkout(root, version, headers, {k: frozenset(v) for k, v in defined.items()}, words)


_REMEDY = f"Get https://github.com/ARM-software/CMSIS-NN and point {VARIABLE} (or --cmsis-nn) at it"


def find_checkout(given: str | Path | None) -> Checkout:
    """The checkout that was named, or that the environment variable names (the caller's part). UsageError if none."""
    if given is None or not str(given):
        raise UsageError(f"kernels of {NAME} need a checkout of it. {_REMEDY}")
    root = Path(given).expanduser().absolute()
    if not root.is_dir():
        raise UsageError(f"{root} is no folder, so no checkout of {NAME}. {_REMEDY}")
    return read_checkout(root)


def _files(root: Path, folder: str, pattern: str) -> tuple[str, ...]:
    return tuple(sorted(p.relative_to(root).as_posix() for p in (root / folder).rglob(pattern) if p.is_file()))


def _version(root: Path, header: str) -> str:
    """The pack's latest release, if it names one, and the revision of the API's header."""
    pack = next(iter(sorted(root.glob("*.pdsc"))), None)
    release = re.search(r'<release\s+version="([^"]+)"', pack.read_text(encoding="utf-8")) if pack else None
    revision = re.search(r"\$Revision:\s*V?\.?([\w.]+)", header)
    date = re.search(r"\$Date:\s*([^\n]+)", header)
    known = [f"release {release[1]}"] if release and release[1] != "0.0.0" else []
    known += [f"arm_nnfunctions.h {revision[1]}"] if revision else []
    known += [f"of {date[1].strip(' *')}"] if date else []
    return " ".join(known) or "unknown version"


def _check_api(root: Path, header: str, version: str) -> None:
    """UsageError unless the header declares every function with the parameters it is called with."""
    text = _COMMENT.sub(" ", header)
    for name, wanted in API.items():
        declared = re.search(rf"\b{name}\s*\(([^)]*)\)\s*;", text)
        if declared is None:
            raise UsageError(f"{NAME} at {root} ({version}) has no {name}: its API is another one. {_REMEDY}")
        types = tuple(_type(p) for p in declared[1].split(","))
        if types != wanted:
            takes = ", ".join(types)
            raise UsageError(f"{NAME} at {root} ({version}) has another {name}: it takes ({takes}). {_REMEDY}")


def _type(parameter: str) -> str:
    """A parameter's type without its name and const: "const int8_t *input" -> "int8_t*"."""
    words = [w for w in re.findall(r"\w+|\*", parameter) if w != "const"]
    pointer = "*" in words
    return words[0] + ("*" if pointer else "") if words else ""
