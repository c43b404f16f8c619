# SPDX-License-Identifier: Apache-2.0
"""The runner: drives devices over a line, measures them and keeps what they said."""
