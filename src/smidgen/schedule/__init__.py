# SPDX-License-Identifier: Apache-2.0
"""Graph and target to schedule: which kernel runs when, and where every byte lives."""

from smidgen.schedule.first_fit import place
from smidgen.schedule.lifetimes import Lifetimes, Step, lifetimes_of
from smidgen.schedule.plan import Buffer, Overlap, Placement, Plan, lower_bound, verify_plan
from smidgen.schedule.schedule import Schedule, Slot, make_schedule

__all__ = [
    "Buffer",
    "Lifetimes",
    "Overlap",
    "Placement",
    "Plan",
    "Schedule",
    "Slot",
    "Step",
    "lifetimes_of",
    "lower_bound",
    "make_schedule",
    "place",
    "verify_plan",
]
