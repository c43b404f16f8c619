/* SPDX-License-Identifier: Apache-2.0 */
/* Requantisation of int16: negative values have the same multiplier. */
#include "smg_rescale_s16.inc.h"
