/* SPDX-License-Identifier: Apache-2.0 */
/* NUCLEO-L4R5ZI (STM32L4R5ZI) at 120 MHz, not run on silicon. Sources: RM0432 is ST's reference manual of the STM32L4+
 * (sections by its titles), DS12023 the data sheet, UM2179 the board's manual. */
#include "smg_port.h"
#include "smg_registers.h"

enum {
    /* RM0432, memory map */
    TIM2 = 0x40000000,
    PWR = 0x40007000,
    LPUART1 = 0x40008000,
    RCC = 0x40021000,
    FLASH = 0x40022000,
    GPIOF = 0x48001400,
    GPIOG = 0x48001800,

    /* RM0432, PWR registers */
    PWR_CR1 = PWR + 0x00,
    PWR_CR2 = PWR + 0x04,
    PWR_SR2 = PWR + 0x14,
    PWR_CR5 = PWR + 0x80,
    CR1_VOS_MASK = 3 << 9,
    CR1_VOS_RANGE_1 = 1 << 9,
    CR2_IOSV = 1 << 9, /* the supply of PG2 to PG15 is there */
    SR2_VOSF = 1 << 10,
    CR5_R1MODE = 1 << 8, /* 0: boost */

    /* RM0432, FLASH registers: ACR */
    FLASH_ACR = FLASH + 0x00,
    ACR_LATENCY_MASK = 0xF,
    ACR_WAIT_STATES = 5,
    ACR_PREFETCH = 1 << 8,
    ACR_CACHES = 1 << 9 | 1 << 10,

    /* RM0432, RCC registers */
    RCC_CR = RCC + 0x00,
    RCC_CFGR = RCC + 0x08,
    RCC_PLLCFGR = RCC + 0x0C,
    RCC_AHB2ENR = RCC + 0x4C,
    RCC_APB1ENR1 = RCC + 0x58,
    RCC_APB1ENR2 = RCC + 0x5C,
    RCC_CCIPR = RCC + 0x88,
    CR_HSION = 1 << 8,
    CR_HSIRDY = 1 << 10,
    CR_PLLON = 1 << 24,
    CR_PLLRDY = 1 << 25,
    CFGR_SW_MASK = 3,
    CFGR_SW_PLL = 3,
    CFGR_SWS_MASK = 3 << 2,
    CFGR_SWS_PLL = 3 << 2,
    CFGR_HPRE_MASK = 0xF << 4,
    CFGR_HPRE_2 = 8 << 4,
    CFGR_PPRE_MASK = 7 << 8 | 7 << 11,
    PLL_HSI = 2,          /* PLLSRC: HSI16 */
    PLL_M_2 = 1 << 4,     /* 16 MHz / 2 */
    PLL_N_30 = 30 << 8,   /* 240 MHz, the VCO's */
    PLL_R_2_ON = 1 << 24, /* PLLR 0 is a division by 2: 120 MHz */
    AHB2_GPIOF = 1 << 5,
    AHB2_GPIOG = 1 << 6,
    APB1_1_TIM2 = 1 << 0,
    APB1_1_PWR = 1 << 28,
    APB1_2_LPUART1 = 1 << 0,
    CCIPR_LPUART1_MASK = 3 << 10,
    CCIPR_LPUART1_HSI = 2 << 10,

    /* RM0432, GPIO registers */
    GPIO_MODER = 0x00,
    GPIO_PUPDR = 0x0C,
    GPIO_BSRR = 0x18,
    GPIO_AFRL = 0x20,
    GPIO_AFRH = 0x24,
    TIMESTAMP_PIN = 13, /* PF13: D7 of the board's Zio connector CN10 (UM2179), as in the benchmark's reference */
    TX_PIN = 7,         /* PG7 and PG8: the ST-LINK's virtual COM port (UM2179); DS12023: alternate function 8 */
    RX_PIN = 8,

    /* RM0432, LPUART registers */
    UART_CR1 = LPUART1 + 0x00,
    UART_BRR = LPUART1 + 0x0C,
    UART_ISR = LPUART1 + 0x1C,
    UART_ICR = LPUART1 + 0x20,
    UART_RDR = LPUART1 + 0x24,
    UART_TDR = LPUART1 + 0x28,
    CR1_UE = 1 << 0,
    CR1_RE = 1 << 2,
    CR1_TE = 1 << 3,
    CR1_FIFOEN = 1 << 29,
    ISR_ERRORS = 0xF, /* parity, framing, noise, overrun; an overrun stops reception until it is cleared */
    ISR_RXFNE = 1 << 5,
    ISR_TXFNF = 1 << 7,

    /* RM0432, TIM2 registers: 32 bits */
    TIM_CR1 = TIM2 + 0x00,
    TIM_EGR = TIM2 + 0x14,
    TIM_CNT = TIM2 + 0x24,
    TIM_PSC = TIM2 + 0x28,
    TIM_ARR = TIM2 + 0x2C,
};

#define HSI_HERTZ 16000000u
#define CORE_HERTZ 120000000u

const uint32_t smg_port_core_hertz = CORE_HERTZ;

/* RM0432, PWR, dynamic voltage scaling: range 1, boost mode for more than 80 MHz. Flash first, then the clock. */
static void set_power_and_flash(void) {
    set(RCC_APB1ENR1, APB1_1_PWR);
    (void)*at(RCC_APB1ENR1); /* a peripheral may be used two cycles after its clock is on */
    change(PWR_CR1, CR1_VOS_MASK, CR1_VOS_RANGE_1);
    wait_for(PWR_SR2, SR2_VOSF, 0);
    change(PWR_CR5, CR5_R1MODE, 0);
    set(PWR_CR2, CR2_IOSV);
    change(FLASH_ACR, ACR_LATENCY_MASK, ACR_WAIT_STATES);
    wait_for(FLASH_ACR, ACR_LATENCY_MASK, ACR_WAIT_STATES);
    set(FLASH_ACR, ACR_PREFETCH | ACR_CACHES);
}

/* RM0432, RCC, PLL and system clock: HSI16 / 2 x 30 / 2. From below to above 80 MHz the AHB clock is halved for at
 * least 1 us around the switch. HSI16 needs nothing on the board to be soldered; the benchmark's reference takes it
 * too. It is within 1 % or so, and the timer with it: times are true cycles of a nominal 120 MHz. */
static void set_clock(void) {
    set(RCC_CR, CR_HSION);
    wait_for(RCC_CR, CR_HSIRDY, CR_HSIRDY);
    change(RCC_CR, CR_PLLON, 0);
    wait_for(RCC_CR, CR_PLLRDY, 0);
    *at(RCC_PLLCFGR) = PLL_HSI | PLL_M_2 | PLL_N_30 | PLL_R_2_ON;
    set(RCC_CR, CR_PLLON);
    wait_for(RCC_CR, CR_PLLRDY, CR_PLLRDY);
    change(RCC_CFGR, CFGR_HPRE_MASK | CFGR_PPRE_MASK, CFGR_HPRE_2);
    change(RCC_CFGR, CFGR_SW_MASK, CFGR_SW_PLL);
    wait_for(RCC_CFGR, CFGR_SWS_MASK, CFGR_SWS_PLL);
    for (uint32_t turn = 0; turn < 120; turn++) __asm__ volatile("nop"); /* 2 us or more at 60 MHz */
    change(RCC_CFGR, CFGR_HPRE_MASK, 0);
}

static void set_pins(void) {
    set(RCC_AHB2ENR, AHB2_GPIOF | AHB2_GPIOG);
    (void)*at(RCC_AHB2ENR);
    smg_port_timestamp_pin(true); /* before it becomes an output */
    change(GPIOF + GPIO_MODER, 3u << 2 * TIMESTAMP_PIN, 1u << 2 * TIMESTAMP_PIN);
    change(GPIOG + GPIO_PUPDR, 3u << 2 * RX_PIN, 1u << 2 * RX_PIN); /* up: an open line is idle, not noise */
    change(GPIOG + GPIO_AFRL, 0xFu << 4 * TX_PIN, 8u << 4 * TX_PIN);
    change(GPIOG + GPIO_AFRH, 0xFu << 4 * (RX_PIN - 8), 8u << 4 * (RX_PIN - 8));
    change(GPIOG + GPIO_MODER, 3u << 2 * TX_PIN | 3u << 2 * RX_PIN, 2u << 2 * TX_PIN | 2u << 2 * RX_PIN);
}

/* RM0432, LPUART, baud rate generation: BRR = 256 x clock / baud in 20 bits, so that 9600 baud need the 16 MHz clock.
 */
static void set_uart(uint32_t baud) {
    change(RCC_CCIPR, CCIPR_LPUART1_MASK, CCIPR_LPUART1_HSI);
    set(RCC_APB1ENR2, APB1_2_LPUART1);
    (void)*at(RCC_APB1ENR2);
    *at(UART_CR1) = 0;
    *at(UART_BRR) = (uint32_t)((256ull * HSI_HERTZ + baud / 2) / baud);
    *at(UART_CR1) = CR1_FIFOEN | CR1_TE | CR1_RE;
    set(UART_CR1, CR1_UE);
}

/* APB1 runs at the core's clock undivided, and so does its timer. */
static void set_timer(void) {
    set(RCC_APB1ENR1, APB1_1_TIM2);
    (void)*at(RCC_APB1ENR1);
    *at(TIM_PSC) = CORE_HERTZ / 1000000u - 1u;
    *at(TIM_ARR) = 0xFFFFFFFFu;
    *at(TIM_EGR) = 1; /* UG: loads the prescaler, clears the counter */
    *at(TIM_CR1) = 1; /* CEN */
}

void smg_port_initialize(uint32_t baud) {
    set_power_and_flash();
    set_clock();
    set_pins();
    set_uart(baud);
    set_timer();
}

bool smg_port_readable(void) {
    const uint32_t status = *at(UART_ISR);
    if ((status & ISR_ERRORS) != 0) *at(UART_ICR) = status & ISR_ERRORS;
    return (status & ISR_RXFNE) != 0;
}

void smg_port_wait(void) {}

uint8_t smg_port_read(void) { return (uint8_t)*at(UART_RDR); }

void smg_port_write(uint8_t byte) {
    wait_for(UART_ISR, ISR_TXFNF, ISR_TXFNF);
    *at(UART_TDR) = byte;
}

uint32_t smg_port_microseconds(void) { return *at(TIM_CNT); }

void smg_port_timestamp_pin(bool high) { *at(GPIOF + GPIO_BSRR) = 1u << (high ? TIMESTAMP_PIN : TIMESTAMP_PIN + 16); }
