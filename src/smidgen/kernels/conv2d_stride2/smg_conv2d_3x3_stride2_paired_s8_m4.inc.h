/* SPDX-License-Identifier: Apache-2.0 */
/* For flash with wait states: weights are read once for several times four tiles, and turns of up to 8 steps make all
 * that runs for a pair of channels fit an instruction cache of 1 KB. */
#define SMG_MOST_STEPS 8
#include "smg_3x3_stride2.inc.h"
