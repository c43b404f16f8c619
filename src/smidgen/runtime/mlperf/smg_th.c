/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's serial functions on top of a port, and main. */
#include "smg_th.h"

#include <stdarg.h>

#include "smg_dut.h"
#include "smg_dut_config.h"
#include "smg_port.h"
#include "smg_print.h"

int main(void);

static void put(char c) { smg_port_write((uint8_t)c); }

void th_printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    smg_print(put, format, arguments);
    va_end(arguments);
}

void th_serialport_initialize(void) { smg_port_initialize(SMG_DUT_BAUD); }

/* For ports that have none of their own. */
__attribute__((weak)) uint32_t smg_port_receive(uint8_t *to, uint32_t most) {
    (void)most;
    if (!smg_port_readable()) return 0;
    *to = smg_port_read();
    return 1;
}

uint32_t th_receive(char *to, uint32_t most) {
    for (;;) {
        const uint32_t n = smg_port_receive((uint8_t *)to, most);
        if (n > 0) return n;
        if (!th_background()) smg_port_wait();
    }
}

int main(void) {
    smg_dut_initialize();
    for (;;) {
        size_t most;
        char *to = smg_dut_room(&most);
        smg_dut_received(th_receive(to, (uint32_t)most));
    }
}
