/* SPDX-License-Identifier: Apache-2.0 */
/* NuMaker-M467HJ (M467HJHAE) at 200 MHz, not run on silicon. Source: Nuvoton's own headers and driver
 * (github.com/OpenNuvoton/m460bsp: clk_reg.h, sys_reg.h, fmc_reg.h, uart_reg.h, timer_reg.h, gpio_reg.h, clk.c). */
#include "smg_port.h"
#include "smg_registers.h"

enum {
    /* m460.h, memory map */
    SYS = 0x40000000,
    CLK = 0x40000200,
    GPIO_C = 0x40004080,
    FMC = 0x4000C000,
    TIMER0 = 0x40050000,
    UART0 = 0x40070000,

    /* sys_reg.h */
    SYS_REGLCTL = SYS + 0x100,  /* 0x59, 0x16, 0x88 unlock the write-protected registers; reads 1 then */
    SYS_PLCTL = SYS + 0x1F8,    /* bits 1:0: power level 0 is for up to 200 MHz */
    SYS_PLSTS = SYS + 0x1FC,    /* bit 0: changing */
    SYS_GPB_MFP3 = SYS + 0x51C, /* PB12 in bits 4:0, PB13 in 12:8; 6 is UART0's RXD and TXD */
    MFP_MASK = 0x1F | 0x1F << 8,
    MFP_UART0 = 6 | 6 << 8,

    /* clk_reg.h */
    CLK_PWRCTL = CLK + 0x00,
    CLK_AHBCLK0 = CLK + 0x04,
    CLK_APBCLK0 = CLK + 0x08,
    CLK_CLKSEL0 = CLK + 0x10,
    CLK_CLKSEL1 = CLK + 0x14,
    CLK_CLKDIV0 = CLK + 0x20,
    CLK_PCLKDIV = CLK + 0x34,
    CLK_PLLCTL = CLK + 0x40,
    CLK_STATUS = CLK + 0x50,
    PWRCTL_HXTEN = 1 << 0,
    PWRCTL_HIRCEN = 1 << 2,
    PWRCTL_HXTSELTYP = 1 << 12, /* 0: a crystal on an inverter, as Nuvoton's SystemInit sets it */
    STATUS_HXT = 1 << 0,
    STATUS_PLL = 1 << 2,
    STATUS_HIRC = 1 << 4,
    AHBCLK0_GPB = 1 << 25,
    AHBCLK0_GPC = 1 << 26,
    APBCLK0_TMR0 = 1 << 2,
    APBCLK0_UART0 = 1 << 16,
    HCLK_MASK = 7,
    HCLK_PLL = 2,
    HCLK_HIRC = 7,
    CLKSEL1_MASK = 7 << 8 | 3 << 24, /* TMR0SEL, UART0SEL */
    CLKSEL1_HXT = 0,
    CLKSEL1_HIRC = 7 << 8 | 3 << 24,
    CLKDIV0_MASK = 0xF | 0xF << 8, /* HCLKDIV, UART0DIV: 0 divides by 1 */
    PCLKDIV_HALF = 1 | 1 << 4,     /* both APB clocks at 100 MHz */
    PLL_HIRC = 1 << 19,
    PLL_200_MHZ = (25 - 2) | (3 - 1) << 9, /* 12 MHz / 3 x 2 x 25 / 1 */

    /* fmc_reg.h */
    FMC_CYCCTL = FMC + 0x4C,
    CYCCTL_MASK = 0xF,
    CYCCTL_CYCLES = 8, /* clk.c: from 175 MHz on */

    /* uart_reg.h */
    UART_DAT = UART0 + 0x00,
    UART_FIFO = UART0 + 0x08,
    UART_LINE = UART0 + 0x0C,
    UART_FIFOSTS = UART0 + 0x18,
    UART_BAUD = UART0 + 0x24,
    UART_FUNCSEL = UART0 + 0x30,
    FIFO_RESET = 1 << 1 | 1 << 2,
    LINE_8N1 = 3,
    BAUD_MODE_2 = 3 << 28, /* baud = clock / (BRD + 2) */
    STATUS_RX_EMPTY = 1 << 14,
    STATUS_TX_FULL = 1 << 23,
    STATUS_ERRORS = 1 << 0 | 7 << 4, /* overflow, parity, framing, break: written to be cleared */

    /* timer_reg.h: 24 bits */
    TIMER_CTL = TIMER0 + 0x00,
    TIMER_CMP = TIMER0 + 0x04,
    TIMER_CNT = TIMER0 + 0x0C,
    CTL_CONTINUOUS = 3 << 27,
    CTL_CNTEN = 1 << 30,
    TIMER_MASK = 0xFFFFFF,
    TICK_US = 20, /* 12 MHz / 240: the 24 bits last 335 s, where 1 us would last 17 s, less than a window may */
    TIMER_PRESCALE = 12 * TICK_US - 1,

    /* gpio_reg.h */
    GPIO_MODE = GPIO_C + 0x00,
    GPIO_DOUT = GPIO_C + 0x08,
    GPIO_DATMSK = GPIO_C + 0x0C,
    TIMESTAMP_PIN = 6, /* PC.6, as in Nuvoton's published code for this board (MLPerf Tiny v1.1) */

    HXT_TURNS = 1000000, /* a crystal is stable after 4096 of its own cycles; this is far longer */
};

#define CRYSTAL_HERTZ 12000000u /* of the crystal, and of the RC oscillator HIRC as well */

const uint32_t smg_port_core_hertz = 200000000u;

static uint32_t last_tick, microseconds;

static void unlock(void) {
    do {
        *at(SYS_REGLCTL) = 0x59;
        *at(SYS_REGLCTL) = 0x16;
        *at(SYS_REGLCTL) = 0x88;
    } while (*at(SYS_REGLCTL) == 0);
}

/* True if the crystal runs. */
static bool start_crystal(void) {
    change(CLK_PWRCTL, PWRCTL_HXTSELTYP, PWRCTL_HXTEN);
    for (uint32_t turn = 0; turn < HXT_TURNS; turn++) {
        if ((*at(CLK_STATUS) & STATUS_HXT) != 0) return true;
    }
    return false;
}

/* From the RC oscillator, with the flash slowed down first, to the PLL. Without the crystal the RC oscillator, of the
 * same nominal frequency, feeds everything. */
static void set_clock(void) {
    set(CLK_PWRCTL, PWRCTL_HIRCEN);
    wait_for(CLK_STATUS, STATUS_HIRC, STATUS_HIRC);
    change(CLK_CLKSEL0, HCLK_MASK, HCLK_HIRC);
    change(CLK_CLKDIV0, CLKDIV0_MASK, 0);
    const bool crystal = start_crystal();
    *at(CLK_PLLCTL) = PLL_200_MHZ | (crystal ? 0u : (uint32_t)PLL_HIRC);
    wait_for(CLK_STATUS, STATUS_PLL, STATUS_PLL);
    change(SYS_PLCTL, 3, 0);
    wait_for(SYS_PLSTS, 1, 0);
    change(FMC_CYCCTL, CYCCTL_MASK, CYCCTL_CYCLES);
    *at(CLK_PCLKDIV) = PCLKDIV_HALF;
    change(CLK_CLKSEL1, CLKSEL1_MASK, crystal ? (uint32_t)CLKSEL1_HXT : (uint32_t)CLKSEL1_HIRC);
    change(CLK_CLKSEL0, HCLK_MASK, HCLK_PLL);
}

static void set_pins(void) {
    set(CLK_AHBCLK0, AHBCLK0_GPB | AHBCLK0_GPC);
    smg_port_timestamp_pin(true); /* before it becomes an output */
    change(GPIO_MODE, 3u << 2 * TIMESTAMP_PIN, 1u << 2 * TIMESTAMP_PIN);
    change(SYS_GPB_MFP3, MFP_MASK, MFP_UART0); /* the Nu-Link's virtual COM port, as in all of Nuvoton's samples */
}

static void set_uart(uint32_t baud) {
    set(CLK_APBCLK0, APBCLK0_UART0);
    *at(UART_FUNCSEL) = 0;
    *at(UART_LINE) = LINE_8N1;
    *at(UART_FIFO) = FIFO_RESET;
    *at(UART_BAUD) = BAUD_MODE_2 | ((CRYSTAL_HERTZ + baud / 2) / baud - 2u);
}

static void set_timer(void) {
    set(CLK_APBCLK0, APBCLK0_TMR0);
    *at(TIMER_CTL) = CTL_CONTINUOUS | TIMER_PRESCALE;
    *at(TIMER_CMP) = TIMER_MASK;
    *at(TIMER_CTL) = CTL_CONTINUOUS | TIMER_PRESCALE | CTL_CNTEN;
}

void smg_port_initialize(uint32_t baud) {
    unlock();
    set_clock();
    set_pins();
    *at(SYS_REGLCTL) = 0;
    set_uart(baud);
    set_timer();
}

bool smg_port_readable(void) {
    const uint32_t status = *at(UART_FIFOSTS);
    if ((status & STATUS_ERRORS) != 0) *at(UART_FIFOSTS) = STATUS_ERRORS;
    return (status & STATUS_RX_EMPTY) == 0;
}

void smg_port_wait(void) { (void)smg_port_microseconds(); /* looks often enough to miss no wrap */ }

uint8_t smg_port_read(void) { return (uint8_t)*at(UART_DAT); }

void smg_port_write(uint8_t byte) {
    wait_for(UART_FIFOSTS, STATUS_TX_FULL, 0);
    *at(UART_DAT) = byte;
}

uint32_t smg_port_microseconds(void) {
    const uint32_t tick = *at(TIMER_CNT) & TIMER_MASK;
    microseconds += ((tick - last_tick) & TIMER_MASK) * TICK_US;
    last_tick = tick;
    return microseconds;
}

void smg_port_timestamp_pin(bool high) {
    *at(GPIO_DATMSK) = ~(1u << TIMESTAMP_PIN); /* the other pins of the port keep what they are */
    *at(GPIO_DOUT) = high ? 1u << TIMESTAMP_PIN : 0;
}
