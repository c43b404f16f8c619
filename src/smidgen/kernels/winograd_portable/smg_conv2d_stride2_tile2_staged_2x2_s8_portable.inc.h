/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_portable_s2.inc.h"
#include "smg_portable_whole.inc.h"
