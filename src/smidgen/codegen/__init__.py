# SPDX-License-Identifier: Apache-2.0
"""Schedule to C sources; knows no op."""
