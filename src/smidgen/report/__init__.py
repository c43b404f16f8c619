# SPDX-License-Identifier: Apache-2.0
"""What was found out, as plain data for JSON and for people."""

from smidgen.report.data import LayerReport, ProfileReport, energy_of, latency_range, profile_report
from smidgen.report.notes import model_notes

__all__ = ["LayerReport", "ProfileReport", "energy_of", "latency_range", "model_notes", "profile_report"]
