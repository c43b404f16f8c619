/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 3 pairs of rows by 1 output channel. */
#define SMG_ROW_PAIRS
#define SMG_ROWS 6
#define SMG_CHANNELS 1
#include "smg_conv2d_1x1_blocked.inc.h"
