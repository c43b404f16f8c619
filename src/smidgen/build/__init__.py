# SPDX-License-Identifier: Apache-2.0
"""Sources and a target -> an image; sources and the host -> a library or a program."""

from smidgen.build.gcc import Gcc, GccArm, GccRiscv
from smidgen.build.host import address_sanitizer, build_host
from smidgen.build.image import Image, build, startup
from smidgen.build.size import Sizes, SymbolSize
from smidgen.build.toolchain import Toolchain
from smidgen.build.zig import Zig

__all__ = [
    "Gcc",
    "GccArm",
    "GccRiscv",
    "Image",
    "Sizes",
    "SymbolSize",
    "Toolchain",
    "Zig",
    "address_sanitizer",
    "build",
    "build_host",
    "startup",
]
