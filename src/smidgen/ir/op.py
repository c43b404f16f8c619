# SPDX-License-Identifier: Apache-2.0
"""The contract of an operator: attributes, type inference, the reference meaning, the work it stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from smidgen.ir.types import Array, TensorType

Form = Literal["imported", "integer", "lowered"]
"""imported: as the file says it, Q/DQ around float ops. integer: what is quantised computes in integers, what is not
in float32. lowered: every op is a view or has a kernel."""

ALL_FORMS: frozenset[Form] = frozenset(("imported", "integer", "lowered"))


class Op(ABC):
    """A frozen dataclass of attributes. Pure: no method has side effects, none keeps state.

    ``operands`` names the inputs in order; a trailing "?" marks one that may be absent, a trailing "*" (only on the
    last) any number of them. ``evaluate`` *is* the semantics: integer numpy for quantized types, float32 for
    float types.
    """

    operands: ClassVar[tuple[str, ...]]
    forms: ClassVar[frozenset[Form]] = ALL_FORMS
    view: ClassVar[bool] = False
    """True when the output is the input's bytes under another shape: no kernel, no memory."""

    def allowed(self, form: Form, types: Sequence[TensorType]) -> bool:
        """True if a graph in this form may hold the op on operands of these types."""
        return form in self.forms

    @abstractmethod
    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """Output types from input types. Raises InvalidGraph where the inputs do not fit the op."""

    @abstractmethod
    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        """The outputs for these inputs, of exactly the types that ``infer`` gives."""

    def macs(self, types: Sequence[TensorType]) -> int:
        """Multiply-accumulates, counted as MLPerf Tiny does: padding included, elementwise work excluded."""
        return 0
