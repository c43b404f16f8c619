/* SPDX-License-Identifier: Apache-2.0 */
/* Any padding; the plane is copied. */
#define SMG_COPIED 1
#include "smg_depthwise_window.inc.h"
