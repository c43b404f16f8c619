/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_portable_f2.inc.h"
#include "smg_portable_whole.inc.h"
