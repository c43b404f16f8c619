/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 1 row by 4 pairs of output channels, weights in four bits. */
#define SMG_NIBBLES
#define SMG_ROWS 1
#define SMG_PAIRS 4
#include "smg_fully_connected_blocked.inc.h"
