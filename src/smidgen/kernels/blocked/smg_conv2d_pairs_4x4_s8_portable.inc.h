/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 4 rows by 2 pairs of output channels. */
#define SMG_ROWS 4
#define SMG_PAIRS 2
#include "smg_conv2d_blocked.inc.h"
