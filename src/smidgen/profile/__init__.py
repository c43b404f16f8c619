# SPDX-License-Identifier: Apache-2.0
"""What runs cost: counted instructions, modelled cycles."""

from smidgen.profile.alignment import check_alignment
from smidgen.profile.counters import Counter
from smidgen.profile.elf import ElfProfile, FunctionCost, profile_elf
from smidgen.profile.image import ImageProfile, StepCost, profile_image

__all__ = [
    "Counter",
    "ElfProfile",
    "FunctionCost",
    "ImageProfile",
    "StepCost",
    "check_alignment",
    "profile_elf",
    "profile_image",
]
