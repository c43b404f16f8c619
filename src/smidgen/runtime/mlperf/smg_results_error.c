/* SPDX-License-Identifier: Apache-2.0 */
/* An autoencoder's result: the mean of the squared differences between output and input, summed in float32 from the
 * first to the last, as the benchmark's reference does. */
#include "smg_dut_model.h"
#include "smg_th.h"

void th_results(void) {
    float sum = 0.0f;
    for (uint32_t i = 0; i < SMG_OUTPUTS; i++) {
        const float difference = smg_dut_dequantize(smg_output[i]) - smg_reals[i];
        sum += difference * difference;
    }
    th_printf("m-results-[%0.3f]\r\n", (double)(sum / (float)SMG_OUTPUTS));
}
