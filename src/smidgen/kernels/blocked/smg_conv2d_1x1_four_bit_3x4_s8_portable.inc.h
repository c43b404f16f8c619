/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 3 rows by 2 pairs of output channels, weights in four bits. */
#define SMG_NIBBLES
#define SMG_ROWS 3
#define SMG_PAIRS 2
#include "smg_conv2d_1x1_blocked.inc.h"
