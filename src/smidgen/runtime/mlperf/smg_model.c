/* SPDX-License-Identifier: Apache-2.0 */
/* The model behind the benchmark's functions: its tensors, one inference, and nothing else to do. */
#include "smg_dut_model.h"
#include "smg_th.h"

/* Apart from the arena, which an inference overwrites: every one of `infer N W` computes the same. */
_Alignas(8) smg_input_element smg_input[SMG_INPUTS];
_Alignas(8) smg_output_element smg_output[SMG_OUTPUTS];

void th_final_initialize(void) {}

void th_pre(void) {}

void th_infer(void) { smg_dut_infer_once(smg_input, smg_output); }

void th_post(void) {}
