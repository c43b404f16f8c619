/* SPDX-License-Identifier: Apache-2.0 */
/* Weights as doubled int16: no bound on their sums but the accumulator's. */
#define SMG_WIDE 1
#include "smg_conv2d_1x1_m4.inc.h"
