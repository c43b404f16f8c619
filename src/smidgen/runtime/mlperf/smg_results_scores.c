/* SPDX-License-Identifier: Apache-2.0 */
/* A classifier's results: the score of every class, to three places. */
#include "smg_dut_model.h"
#include "smg_th.h"

void th_results(void) {
    th_printf("m-results-[");
    for (uint32_t i = 0; i < SMG_OUTPUTS; i++) {
        th_printf(i == 0 ? "%0.3f" : ",%0.3f", (double)smg_dut_dequantize(smg_output[i]));
    }
    th_printf("]\r\n");
}
