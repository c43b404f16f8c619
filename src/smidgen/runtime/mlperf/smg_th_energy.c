/* SPDX-License-Identifier: Apache-2.0 */
/* Timestamps of energy mode: the pin goes low and comes back; nothing is printed. */
#include "smg_port.h"
#include "smg_th.h"

enum { PULSE_MICROSECONDS = 10 }; /* at least; the benchmark asks for 1 */

/* A turn takes a cycle or more, so the pulse lasts as long as asked or longer, whatever the timer does. */
void th_timestamp(void) {
    smg_port_timestamp_pin(false);
    for (uint32_t turn = PULSE_MICROSECONDS * (smg_port_core_hertz / 1000000u + 1u); turn > 0; turn--) {
        __asm__ volatile("nop");
    }
    smg_port_timestamp_pin(true);
}

void th_timestamp_initialize(void) {
    th_printf("m-timestamp-mode-energy\r\n");
    th_timestamp();
}
