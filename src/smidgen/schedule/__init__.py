# SPDX-License-Identifier: Apache-2.0
"""Graph and target to schedule: which kernel runs when, and where every byte lives."""

from smidgen.schedule.candidates import Candidate, Costs, Layer
from smidgen.schedule.choose import Option, pareto
from smidgen.schedule.constants import ConstantBytes, constant_bytes, weight_bits
from smidgen.schedule.exact import PLANNERS, Planner, make_planner
from smidgen.schedule.lifetimes import Lifetimes, Step, lifetimes_of
from smidgen.schedule.objective import SETTINGS, Objective, Setting, make_objective
from smidgen.schedule.placement import place
from smidgen.schedule.plan import Buffer, Overlap, Placement, Plan, lower_bound, verify_plan
from smidgen.schedule.schedule import (
    Arranged,
    Schedule,
    Slot,
    arrange,
    make_schedule,
    make_search,
    schedule_with,
)
from smidgen.schedule.search import Search, Totals
from smidgen.schedule.staging import CODE, WEIGHTS, Weights, check_code, check_weights

__all__ = [
    "CODE",
    "PLANNERS",
    "SETTINGS",
    "WEIGHTS",
    "Arranged",
    "Buffer",
    "Candidate",
    "ConstantBytes",
    "Costs",
    "Layer",
    "Lifetimes",
    "Objective",
    "Option",
    "Overlap",
    "Placement",
    "Plan",
    "Planner",
    "Schedule",
    "Search",
    "Setting",
    "Slot",
    "Step",
    "Totals",
    "Weights",
    "arrange",
    "check_code",
    "check_weights",
    "constant_bytes",
    "lifetimes_of",
    "lower_bound",
    "make_objective",
    "make_planner",
    "make_schedule",
    "make_search",
    "pareto",
    "place",
    "schedule_with",
    "verify_plan",
    "weight_bits",
]
