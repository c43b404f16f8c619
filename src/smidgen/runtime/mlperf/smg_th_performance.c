/* SPDX-License-Identifier: Apache-2.0 */
/* Timestamps of performance and accuracy mode: a line with the time in microseconds. */
#include "smg_port.h"
#include "smg_th.h"

/* The port's 32 bits wrap after 71 minutes, also between two stamps; what is printed goes on in 64. */
static uint32_t last, wraps;

void th_timestamp(void) {
    const uint32_t now = smg_port_microseconds();
    if (now < last) wraps++;
    last = now;
    th_printf("m-lap-us-%llu\r\n", (unsigned long long)wraps << 32 | now);
}

void th_timestamp_initialize(void) {
    th_printf("m-timestamp-mode-performance\r\n");
    th_timestamp();
}
