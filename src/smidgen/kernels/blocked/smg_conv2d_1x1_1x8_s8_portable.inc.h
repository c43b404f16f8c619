/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 1 rows by 8 output channels. */
#define SMG_ROWS 1
#define SMG_CHANNELS 8
#include "smg_conv2d_1x1_blocked.inc.h"
