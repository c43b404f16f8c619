/* SPDX-License-Identifier: Apache-2.0 */
/* An input of one byte an element: what each byte means is in a table, where it goes in two strides. */
#include "smg_dut.h"
#include "smg_dut_model.h"
#include "smg_th.h"

bool th_load_tensor(void) {
    const uint8_t *from = smg_dut_bytes();
    if (smg_dut_loaded() != SMG_INPUTS) {
        th_printf("e-[Input has %u bytes, the model takes %u]\r\n", (unsigned)smg_dut_loaded(), (unsigned)SMG_INPUTS);
        return false;
    }
    for (uint32_t pixel = 0; pixel < SMG_INPUTS / SMG_CHANNELS; pixel++) {
        for (uint32_t channel = 0; channel < SMG_CHANNELS; channel++) {
            smg_input[pixel * SMG_PIXEL_STRIDE + channel * SMG_CHANNEL_STRIDE] = smg_meaning[*from++];
        }
    }
    return true;
}
