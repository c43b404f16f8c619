/* SPDX-License-Identifier: Apache-2.0 */
/* Cut for speed. */
#include "smg_conv2d_few_channels_m4.inc.h"
