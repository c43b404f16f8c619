/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated board: one page of word-wide registers, described in docs/mlperf-firmware.md. */
#include "smg_dut_config.h"
#include "smg_port.h"

enum {
    PAGE = 0x40070000,
    UART_STATUS = 0x00, /* read: bit 0 a byte has arrived, bit 1 one may be sent */
    UART_DATA = 0x04,   /* read: the next byte; write: send */
    UART_WAIT = 0x08,   /* write: sleep until a byte arrives */
    TIMER_US = 0x0C,    /* read: microseconds since reset, 32 bits */
    PIN = 0x10,         /* write: bit 0 timestamp, bit 1 wakeword detected, bit 2 processing */
    ARRIVED = 1 << 0,
    MAY_SEND = 1 << 1,
    TIMESTAMP_PIN = 1 << 0,
};

const uint32_t smg_port_core_hertz = SMG_PORT_CORE_HERTZ;

static volatile uint32_t *at(uintptr_t offset) { return (volatile uint32_t *)(PAGE + offset); }

void smg_port_initialize(uint32_t baud) {
    (void)baud; /* the host's end decides */
    *at(PIN) = TIMESTAMP_PIN;
}

bool smg_port_readable(void) { return (*at(UART_STATUS) & ARRIVED) != 0; }

void smg_port_wait(void) { *at(UART_WAIT) = 1; }

uint8_t smg_port_read(void) { return (uint8_t)*at(UART_DATA); }

void smg_port_write(uint8_t byte) {
    while ((*at(UART_STATUS) & MAY_SEND) == 0) {
    }
    *at(UART_DATA) = byte;
}

uint32_t smg_port_microseconds(void) { return *at(TIMER_US); }

void smg_port_timestamp_pin(bool high) { *at(PIN) = high ? TIMESTAMP_PIN : 0; }
