/* SPDX-License-Identifier: Apache-2.0 */
/* An input of float32, least significant byte first; the reals are kept for what th_results compares with. */
#include "smg_dut.h"
#include "smg_dut_model.h"
#include "smg_th.h"

float smg_reals[SMG_INPUTS];

bool th_load_tensor(void) {
    const uint8_t *from = smg_dut_bytes();
    if (smg_dut_loaded() != 4u * SMG_INPUTS) {
        th_printf("e-[Input has %u bytes, the model takes %u]\r\n", (unsigned)smg_dut_loaded(),
                  4u * (unsigned)SMG_INPUTS);
        return false;
    }
    for (uint32_t i = 0; i < SMG_INPUTS; i++, from += 4) {
        const uint32_t bits =
            (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
        __builtin_memcpy(&smg_reals[i], &bits, sizeof bits);
        smg_input[i] = smg_dut_quantize(smg_reals[i]);
    }
    return true;
}
