# SPDX-License-Identifier: Apache-2.0
"""The files that a benchmark leaves: read, whoever wrote them, and written as the official runner does."""
