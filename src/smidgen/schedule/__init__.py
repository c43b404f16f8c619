# SPDX-License-Identifier: Apache-2.0
"""Graph and target to schedule: which kernel runs when, and where every byte lives."""

from smidgen.schedule.plan import Buffer, Placement, Plan, lower_bound, place, verify_plan
from smidgen.schedule.schedule import Schedule, Slot, Step, make_schedule

__all__ = [
    "Buffer",
    "Placement",
    "Plan",
    "Schedule",
    "Slot",
    "Step",
    "lower_bound",
    "make_schedule",
    "place",
    "verify_plan",
]
