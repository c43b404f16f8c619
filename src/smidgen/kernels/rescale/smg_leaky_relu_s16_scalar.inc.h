/* SPDX-License-Identifier: Apache-2.0 */
/* Leaky RELU of int16. */
#include "smg_rescale_s16.inc.h"
