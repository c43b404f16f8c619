/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise 3x3, stride 2: each channel's rows from top to bottom, so that its weights are loaded once. */
#define SMG_UNITS_A_CALL SMG_OUT_H
#include "smg_depthwise_3x3s2.inc.h"
