# SPDX-License-Identifier: Apache-2.0
"""What others have published for the reference board: facts with their sources, to stand beside ours."""

from smidgen.results.published import COMPARABLE, Published, best_of_each_engine, best_published, published

__all__ = ["COMPARABLE", "Published", "best_of_each_engine", "best_published", "published"]
