# SPDX-License-Identifier: Apache-2.0
"""The cores that can be simulated from their RTL: which package brings it, which files make it up, what it can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from smidgen.errors import TargetError

HDL = Path(__file__).parent / "hdl"
HOST = Path(__file__).parent / "host"


@dataclass(frozen=True, slots=True)
class RtlCore:
    """One configuration of one core.

    Paths are relative to ``folder`` in the package. ``charges_previous``: the moment that the top reports comes at the
    start of an instruction's work and not at its end, so that cycles up to the next one's belong to it. ``tags`` are
    C++ macros that name the caches' tags in the model, for cores with caches.
    """

    name: str
    title: str
    distribution: str
    module: str
    folder: str
    sources: tuple[str, ...]
    top: tuple[str, ...]  # files in HDL
    include_folders: tuple[str, ...] = ()
    search_folders: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    charges_previous: bool = False
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def verilator_arguments(self, package: Path) -> tuple[str, ...]:
        """Defines, folders and files, given where the package lies."""
        root = package / self.folder
        return (
            *(f"-D{name}" for name in self.defines),
            *(part for folder in self.search_folders for part in ("-y", str(root / folder))),
            *(f"+incdir+{root / folder}" for folder in self.include_folders),
            *(str(root / source) for source in self.sources),
            *(str(HDL / name) for name in self.top),
        )


_LOWRISC = "vendor/lowrisc_ip/ip/prim/rtl"

IBEX = RtlCore(
    name="ibex",
    title="Ibex, RV32IMC, single-cycle multiplier, branch target ALU, writeback stage",
    distribution="pythondata-cpu-ibex",
    module="pythondata_cpu_ibex",
    folder="system_verilog",
    defines=("SYNTHESIS",),
    search_folders=("rtl", "dv/uvm/core_ibex/common/prim", "vendor/lowrisc_ip/ip/prim_generic/rtl", _LOWRISC),
    include_folders=(_LOWRISC, "vendor/lowrisc_ip/dv/sv/dv_utils"),
    sources=(  # packages, in the order of their use; modules are found by name
        f"{_LOWRISC}/prim_util_pkg.sv",
        f"{_LOWRISC}/prim_ram_1p_pkg.sv",
        f"{_LOWRISC}/prim_secded_pkg.sv",
        f"{_LOWRISC}/prim_mubi_pkg.sv",
        f"{_LOWRISC}/prim_cipher_pkg.sv",
        f"{_LOWRISC}/prim_count_pkg.sv",
        "dv/uvm/core_ibex/common/prim/prim_pkg.sv",
        "rtl/ibex_pkg.sv",
    ),
    top=("tcm.sv", "ibex.sv"),
)

_CV32E40P_PACKAGES = ("include/cv32e40p_apu_core_pkg.sv", "include/cv32e40p_fpu_pkg.sv", "include/cv32e40p_pkg.sv")
_CV32E40P_MODULES = (  # named one by one: a search would find the FPU's wrapper, whose FPU the package lacks
    *("top", "core", "if_stage", "id_stage", "ex_stage", "load_store_unit", "cs_registers", "register_file_ff"),
    *("aligner", "decoder", "compressed_decoder", "controller", "int_controller", "hwloop_regs", "sleep_unit"),
    *("prefetch_buffer", "prefetch_controller", "fifo", "obi_interface"),
    *("alu", "alu_div", "mult", "ff_one", "popcnt", "apu_disp"),
)

CV32E40P = RtlCore(
    name="cv32e40p",
    title="CV32E40P, RV32IMC with CORE-V extensions, no FPU",
    distribution="pythondata-cpu-cv32e40p",
    module="pythondata_cpu_cv32e40p",
    folder="system_verilog/rtl",
    include_folders=("include",),
    sources=(*_CV32E40P_PACKAGES, *(f"cv32e40p_{name}.sv" for name in _CV32E40P_MODULES)),
    top=("tcm.sv", "cv32e40p.sv"),
    charges_previous=True,
)

VEXRISCV = RtlCore(
    name="vexriscv",
    title="VexRiscv Full, RV32IM, 4 KiB instruction cache, 4 KiB data cache",
    distribution="pythondata-cpu-vexriscv",
    module="pythondata_cpu_vexriscv",
    folder="verilog",
    sources=("VexRiscv_Full.v",),
    top=("vexriscv_public.sv", "vexriscv.sv"),
    tags=MappingProxyType(
        {
            "SMG_DATA_TAGS": "smg_top__DOT__tcm__DOT__core__DOT__dataCache_1__DOT__ways_0_tags",
            "SMG_INSTRUCTION_TAGS": "smg_top__DOT__tcm__DOT__core__DOT__IBusCachedPlugin_cache__DOT__ways_0_tags",
        }
    ),
)

VEXRISCV_IMAC = replace(  # for a core file of a user's: smaller code, a few per cent more cycles
    VEXRISCV,
    name="vexriscv_imac",
    title="VexRiscv IMAC, RV32IMAC, 4 KiB instruction cache, 4 KiB data cache",
    sources=("VexRiscv_IMAC.v",),
)

CORES = (IBEX, CV32E40P, VEXRISCV, VEXRISCV_IMAC)


def rtl_core(name: str) -> RtlCore:
    """The core of this name, a target's ``core.machine``; TargetError lists those there are."""
    for core in CORES:
        if core.name == name:
            return core
    known = ", ".join(core.name for core in CORES)
    raise TargetError(f"machine {name!r} of simulator 'rtl' is not known: there is the RTL of {known}")
