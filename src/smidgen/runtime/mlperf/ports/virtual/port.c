/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated board: one page of word-wide registers, described in docs/mlperf-board.md. */
#include "smg_dut_config.h"
#include "smg_port.h"

enum {
    PAGE = 0x40070000,
    UART_STATUS = 0x00,   /* bit 0: a byte has arrived */
    UART_DATA = 0x04,     /* read: the next byte */
    UART_WAIT = 0x08,     /* write: sleep until a byte arrives */
    TIMER_US = 0x0C,      /* read: microseconds since reset, 32 bits */
    PIN = 0x10,           /* levels: bit 0 timestamp, bit 1 wakeword detected, bit 2 processing */
    BLOCK_ADDRESS = 0x24, /* write: where in RAM a block goes to or comes from */
    UART_RECEIVE = 0x28,  /* write: move what has arrived, so many bytes at most; read: how many it were */
    UART_SEND = 0x2C,     /* write: send so many bytes */
    UART_MATCH = 0x30,    /* write: the byte that ends a received block */
    TIMESTAMP_PIN = 1 << 0,
    DETECTED_PIN = 1 << 1,
    PULSE_MICROSECONDS = 10,
    LINE_BYTES = 128,
    COMMAND_END = '%',
};

const uint32_t smg_port_core_hertz = SMG_PORT_CORE_HERTZ;

static volatile uint32_t *at(uintptr_t offset) { return (volatile uint32_t *)(PAGE + offset); }

void smg_port_initialize(uint32_t baud) {
    (void)baud; /* the host's end decides */
    *at(UART_MATCH) = COMMAND_END;
    *at(PIN) = TIMESTAMP_PIN | DETECTED_PIN;
}

/* Both ways whole blocks are moved, as DMA would: up to the end of a command, and a line at a time. */
static uint8_t line[LINE_BYTES];
static uint32_t waiting;

static void flush(void) {
    *at(BLOCK_ADDRESS) = (uint32_t)(uintptr_t)line;
    *at(UART_SEND) = waiting;
    waiting = 0;
}

uint32_t smg_port_receive(uint8_t *to, uint32_t most) {
    if (waiting > 0) flush();
    *at(BLOCK_ADDRESS) = (uint32_t)(uintptr_t)to;
    *at(UART_RECEIVE) = most;
    return *at(UART_RECEIVE);
}

bool smg_port_readable(void) { return (*at(UART_STATUS) & 1u) != 0; }

void smg_port_wait(void) { *at(UART_WAIT) = 1; }

uint8_t smg_port_read(void) { return (uint8_t)*at(UART_DATA); }

void smg_port_write(uint8_t byte) {
    line[waiting++] = byte;
    if (byte == '\n' || waiting == LINE_BYTES) flush();
}

uint32_t smg_port_microseconds(void) { return *at(TIMER_US); }

/* A pulse lasts by the timer: outside of inferences only accesses take time here, the caller's own loop takes none. */
void smg_port_timestamp_pin(bool high) {
    static uint32_t fell;
    const uint32_t others = *at(PIN) & ~(uint32_t)TIMESTAMP_PIN;
    while (high && *at(TIMER_US) - fell <= PULSE_MICROSECONDS) {
    }
    *at(PIN) = high ? others | TIMESTAMP_PIN : others;
    fell = *at(TIMER_US);
}
