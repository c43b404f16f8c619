# SPDX-License-Identifier: Apache-2.0
"""Quantised models judged and searched: sensitivity, cost, and each layer's precision under a bound on the drop."""
