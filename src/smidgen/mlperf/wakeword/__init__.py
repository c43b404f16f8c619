# SPDX-License-Identifier: Apache-2.0
"""The streaming wakeword benchmark: recordings played to a device, and its detections scored."""
