/* SPDX-License-Identifier: Apache-2.0 */
/* Two channels' int8 weights in one int16: half the flash. */
#define SMG_WIDE 0
#include "smg_conv2d_direct_fixed.inc.h"
