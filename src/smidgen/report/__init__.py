# SPDX-License-Identifier: Apache-2.0
"""What was found out, as plain data for JSON and for people."""

from smidgen.report.data import LayerReport, ProfileReport, latency_range, profile_report

__all__ = ["LayerReport", "ProfileReport", "latency_range", "profile_report"]
