/* SPDX-License-Identifier: Apache-2.0 */
/* For a model that has no further commands and nothing to do while no byte waits. */
#include "smg_dut.h"
#include "smg_th.h"

const smg_dut_command smg_dut_extra_commands[1] = {{0}};
const size_t smg_dut_extra_count = 0;

bool th_background(void) { return false; }
