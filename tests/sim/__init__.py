# SPDX-License-Identifier: Apache-2.0
"""Makes the helpers here importable by name."""
