/* SPDX-License-Identifier: Apache-2.0 */
/* No padding; inputs are read where they lie. */
#define SMG_COPIED 0
#include "smg_depthwise_window.inc.h"
