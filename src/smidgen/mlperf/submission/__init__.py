# SPDX-License-Identifier: Apache-2.0
"""Submissions to MLPerf Tiny: trees of results checked and built."""
