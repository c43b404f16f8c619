# SPDX-License-Identifier: Apache-2.0
"""Graph and target to schedule: which kernel runs when, and where every byte lives."""

from smidgen.schedule.lifetimes import Lifetimes, Step, lifetimes_of
from smidgen.schedule.placement import place
from smidgen.schedule.plan import Buffer, Overlap, Placement, Plan, lower_bound, verify_plan
from smidgen.schedule.schedule import Arranged, Schedule, Slot, arrange, make_schedule, schedule_with

__all__ = [
    "Arranged",
    "Buffer",
    "Lifetimes",
    "Overlap",
    "Placement",
    "Plan",
    "Schedule",
    "Slot",
    "Step",
    "arrange",
    "lifetimes_of",
    "lower_bound",
    "make_schedule",
    "place",
    "schedule_with",
    "verify_plan",
]
