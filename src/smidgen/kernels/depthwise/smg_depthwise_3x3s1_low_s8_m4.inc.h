/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise 3x3, stride 1, in thin strips: less scratch, more words carried from strip to strip. */
#include "smg_depthwise_3x3s1_s8_m4.inc.h"
