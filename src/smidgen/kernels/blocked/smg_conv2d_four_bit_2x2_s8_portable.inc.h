/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 2 rows by 1 pair of output channels, weights in four bits. */
#define SMG_NIBBLES
#define SMG_ROWS 2
#define SMG_PAIRS 1
#include "smg_conv2d_blocked.inc.h"
