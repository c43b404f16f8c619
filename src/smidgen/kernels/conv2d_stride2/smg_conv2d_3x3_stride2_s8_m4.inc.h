/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of up to 17 steps: quickest from memory without wait states. */
#define SMG_MOST_STEPS 17
#include "smg_3x3_stride2.inc.h"
