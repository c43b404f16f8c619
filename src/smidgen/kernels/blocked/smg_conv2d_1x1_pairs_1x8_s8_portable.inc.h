/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 1 row by 4 pairs of output channels. */
#define SMG_ROWS 1
#define SMG_PAIRS 4
#include "smg_conv2d_1x1_blocked.inc.h"
