/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise of any window, fewer outputs at once: its loops fit a small cache of code. */
#include "smg_depthwise_kxk_s8_m4.inc.h"
