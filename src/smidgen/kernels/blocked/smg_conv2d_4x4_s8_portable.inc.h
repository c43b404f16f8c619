/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 4 rows by 4 output channels. */
#define SMG_ROWS 4
#define SMG_CHANNELS 4
#include "smg_conv2d_blocked.inc.h"
