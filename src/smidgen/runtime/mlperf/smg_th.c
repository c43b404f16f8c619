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

char th_getchar(void) {
    while (!smg_port_readable()) {
        if (!th_background()) smg_port_wait();
    }
    return (char)smg_port_read();
}

int main(void) {
    smg_dut_initialize();
    for (;;) smg_dut_receive(th_getchar());
}
