# SPDX-License-Identifier: Apache-2.0
"""The command line: one file a command, and nothing that the Python API cannot do."""
