/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of up to 8 steps: all that runs for a pair of channels fits an instruction cache of 1 KB. */
#define SMG_MOST_STEPS 8
#include "smg_3x3_stride2.inc.h"
