/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 1 rows by 2 output channels. */
#define SMG_ROWS 1
#define SMG_CHANNELS 2
#include "smg_fully_connected_blocked.inc.h"
