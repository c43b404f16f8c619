/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_portable_f4.inc.h"
#include "smg_portable_whole.inc.h"
