# SPDX-License-Identifier: Apache-2.0
"""Every error smidgen raises on purpose.

SmidgenError
├── UsageError              an argument is wrong: unknown name, bad option, bad combination
├── ModelError              the model file cannot be compiled as it is
│   ├── MalformedModel      not a model file, truncated, or its parts contradict each other
│   └── UnsupportedModel    well formed, but uses what smidgen does not support (yet)
├── InvalidInput            input data of the wrong number, dtype, shape or file format
├── TargetError             a target description that does not load
├── DoesNotFit              the model needs more memory than the target has
├── NoKernel                no kernel computes a node on this core
├── OutputError             the output folder cannot be written
├── ToolError               an outside tool
│   ├── ToolNotFound        it is not installed
│   └── BuildFailed         it ran and failed
├── SimulationError         the emulated core faulted, ran too long or broke a guard word
├── DeviceError             a device under test, or an instrument on a line
│   ├── LinkLost            the line to it is gone
│   ├── NoAnswer            it did not answer in time
│   └── ProtocolError       what it answered makes no sense
├── ImageError              an ELF file that cannot be loaded or lacks a symbol
└── InternalError           our bug: please report
    ├── InvalidGraph        a graph broke an invariant
    ├── InvalidPlan         a memory plan broke an invariant
    └── PassBroke           a pass broke the graph or changed what it computes
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing in a model that smidgen cannot compile: which op at which node, why, and what the user can do."""

    op: str
    node: str
    reason: str
    remedy: str


class SmidgenError(Exception):
    """Base of all. The message says what, where, why and what to do, in that order."""


class UsageError(SmidgenError):
    """An argument is wrong."""


class ModelError(SmidgenError):
    """The model file cannot be compiled as it is."""


class MalformedModel(ModelError):
    """Not a model file, truncated, or its parts contradict each other."""


class UnsupportedModel(ModelError):
    """Well formed, but uses what smidgen does not support (yet). ``findings`` lists all of it where known."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class InvalidInput(SmidgenError):
    """Input data of the wrong number, dtype, shape or file format."""


class TargetError(SmidgenError):
    """A target description that does not load."""


class DoesNotFit(SmidgenError):
    """The model needs more memory than the target has."""


class NoKernel(SmidgenError):
    """No kernel computes a node on this core. ``findings`` lists every such node."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class OutputError(SmidgenError):
    """The output folder cannot be written."""


class ToolError(SmidgenError):
    """An outside tool."""


class ToolNotFound(ToolError):
    """A tool is not installed."""


class BuildFailed(ToolError):
    """A tool ran and failed; the message ends with what it printed."""


class SimulationError(SmidgenError):
    """The emulated core faulted, ran too long or broke a guard word."""


class DeviceError(SmidgenError):
    """A device under test, or an instrument on a line."""


class LinkLost(DeviceError):
    """The line to it is gone."""


class NoAnswer(DeviceError):
    """It did not answer in time."""


class ProtocolError(DeviceError):
    """What it answered makes no sense."""


class ImageError(SmidgenError):
    """An ELF file that cannot be loaded or lacks a symbol."""


class InternalError(SmidgenError):
    """Our bug: please report."""


class InvalidGraph(InternalError):
    """A graph broke an invariant."""


class InvalidPlan(InternalError):
    """A memory plan broke an invariant."""


class PassBroke(InternalError):
    """A pass broke the graph or changed what it computes."""
