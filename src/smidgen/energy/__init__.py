# SPDX-License-Identifier: Apache-2.0
"""Energy: of recorded traces, of boards from published results, of batteries."""
