/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise 3x3, stride 2: two output rows of all channels, then the next two, so that outputs may overwrite inputs. */
#define SMG_UNITS_A_CALL 1
#include "smg_depthwise_3x3s2.inc.h"
