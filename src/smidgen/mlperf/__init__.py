# SPDX-License-Identifier: Apache-2.0
"""The MLPerf Tiny benchmark: tasks, device firmware, virtual board, runner and submissions."""
