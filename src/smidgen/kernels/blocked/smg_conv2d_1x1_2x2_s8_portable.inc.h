/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 2 rows by 2 output channels. */
#define SMG_ROWS 2
#define SMG_CHANNELS 2
#include "smg_conv2d_1x1_blocked.inc.h"
