/* SPDX-License-Identifier: Apache-2.0 */
/* As smg_conv2d_1x1_strided_s8_m4, with shorter strips. */
#define SMG_WIDE 0
#include "smg_conv2d_1x1_m4.inc.h"
