/* SPDX-License-Identifier: Apache-2.0 */
/* Audio of the NUCLEO-L4R5ZI, not run on silicon: an I2S slave (SAI1 block A) filling two frames by DMA, and two pins,
 * where the benchmark's reference has them. Sources as in port.c: RM0432 by section, DS12023, UM2179; and the
 * ARMv7-M Architecture Reference Manual (DDI0403). */
#include "smg_audio.h"

#include "features/smg_features.h"
#include "smg_port.h"
#include "smg_registers.h"

enum {
    /* RM0432, memory map */
    LPUART1 = 0x40008000,
    SAI1 = 0x40015400,
    DMA1 = 0x40020000,
    DMAMUX1 = 0x40020800,
    RCC = 0x40021000,
    GPIOB = 0x48000400,
    GPIOE = 0x48001000,

    /* RM0432, RCC registers */
    RCC_APB2RSTR = RCC + 0x40,
    RCC_AHB1ENR = RCC + 0x48,
    RCC_AHB2ENR = RCC + 0x4C,
    RCC_APB2ENR = RCC + 0x60,
    RCC_CCIPR2 = RCC + 0x9C,
    AHB1_DMA1 = 1 << 0,
    AHB1_DMAMUX1 = 1 << 2,
    AHB2_GPIOB = 1 << 1,
    AHB2_GPIOE = 1 << 4,
    APB2_SAI1 = 1 << 21,
    CCIPR2_SAI1_MASK = 7 << 5,
    CCIPR2_SAI1_HSI = 4 << 5,

    /* RM0432, GPIO registers */
    GPIO_MODER = 0x00,
    GPIO_PUPDR = 0x0C,
    GPIO_BSRR = 0x18,
    GPIO_AFRL = 0x20,
    SAI_FUNCTION = 13,  /* DS12023, alternate functions */
    FS_PIN = 4,         /* PE4: CN9 pin 16 (UM2179), the word select of I2S; PE5: pin 18, clock; PE6: pin 20, data */
    DETECTED_PIN = 8,   /* PB8: D15 */
    PROCESSING_PIN = 9, /* PE9: D6 */

    /* RM0432, SAI registers: those of block A */
    SAI_CR1 = SAI1 + 0x04,
    SAI_CR2 = SAI1 + 0x08,
    SAI_FRCR = SAI1 + 0x0C,
    SAI_SLOTR = SAI1 + 0x10,
    SAI_SR = SAI1 + 0x18,
    SAI_DR = SAI1 + 0x20,
    CR1_SLAVE_RECEIVER = 3,
    CR1_16_BITS = 4 << 5,
    CR1_CKSTR = 1 << 9, /* received bits are sampled at the clock's rising edge */
    CR1_SAIEN = 1 << 16,
    CR1_DMAEN = 1 << 17,
    CR2_FFLUSH = 1 << 3,
    FRCR_32_BITS = 31,
    FRCR_16_ACTIVE = 15 << 8,
    FRCR_FSDEF = 1 << 16, /* the word select tells the channel; low (FSPOL 0) is the left one, slot 0 */
    FRCR_FSOFF = 1 << 18, /* it changes a bit before the slot begins: I2S */
    SLOTR_2_SLOTS = 1 << 8,
    SLOTR_SLOT_0 = 1 << 16, /* what arrives in the other one is dropped */
    SR_OVRUDR = 1 << 0,

    /* RM0432, DMA registers; channel 1 */
    DMA_ISR = DMA1 + 0x00,
    DMA_IFCR = DMA1 + 0x04,
    DMA_CCR = DMA1 + 0x08,
    DMA_CNDTR = DMA1 + 0x0C,
    DMA_CPAR = DMA1 + 0x10,
    DMA_CMAR = DMA1 + 0x14,
    FLAG_ALL = 0xF,
    FLAG_COMPLETE = 1 << 1,
    FLAG_HALF = 1 << 2,
    CCR_EN = 1 << 0,
    CCR_INTERRUPTS = 1 << 1 | 1 << 2, /* complete and half */
    CCR_CIRC = 1 << 5,
    CCR_MINC = 1 << 7,
    CCR_HALFWORDS = 1 << 8 | 1 << 10,
    CCR_HIGH = 2 << 12,
    DMAMUX_C0CR = DMAMUX1 + 0x00, /* RM0432, DMAMUX: its channel 0 drives channel 1 of DMA1 */
    REQUEST_SAI1_A = 36,          /* RM0432, DMAMUX, assignment of inputs: STM32L4R and L4S */

    /* RM0432, LPUART registers */
    UART_CR1 = LPUART1 + 0x00,
    CR1_RXFNEIE = 1 << 5,

    /* DDI0403, system control and NVIC; RM0432, vector table: 11 is DMA1 channel 1, 70 is LPUART1 */
    SCR_SEVONPEND = 1 << 4,
    IRQ_DMA = 11,
    IRQ_UART = 70,
};

#define SCR 0xE000ED10u
#define NVIC_ICPR 0xE000E280u

static _Alignas(4) int16_t frames[2][SMG_FEATURES_HOP]; /* the DMA's: one is filled while the other is read */
static uint32_t next;                                   /* of the two, which one is complete first */
static bool lost;

static void set_clocks(void) {
    change(RCC_AHB1ENR, 0, AHB1_DMA1 | AHB1_DMAMUX1);
    change(RCC_AHB2ENR, 0, AHB2_GPIOB | AHB2_GPIOE);
    change(RCC_CCIPR2, CCIPR2_SAI1_MASK, CCIPR2_SAI1_HSI); /* the bits' clock is the master's; this one runs anyway */
    change(RCC_APB2ENR, 0, APB2_SAI1);
    (void)*at(RCC_APB2ENR); /* a peripheral may be used two cycles after its clock is on */
}

/* RM0432, GPIO: levels before they are driven. I2S pins are pulled up: a cable that is not there clocks nothing in. */
static void set_pins(void) {
    const uint32_t mask = 0x3Fu << 2 * FS_PIN; /* FS, SCK and SD follow each other */
    smg_audio_detected_pin(true);
    smg_audio_processing_pin(false);
    change(GPIOB + GPIO_MODER, 3u << 2 * DETECTED_PIN, 1u << 2 * DETECTED_PIN);
    change(GPIOE + GPIO_MODER, 3u << 2 * PROCESSING_PIN, 1u << 2 * PROCESSING_PIN);
    change(GPIOE + GPIO_PUPDR, mask, 0x15u << 2 * FS_PIN);
    change(GPIOE + GPIO_AFRL, 0xFFFu << 4 * FS_PIN, (SAI_FUNCTION * 0x111u) << 4 * FS_PIN);
    change(GPIOE + GPIO_MODER, mask, 0x2Au << 2 * FS_PIN);
}

/* DDI0403, WFE and SCR: an interrupt that becomes pending wakes the core although it is not enabled, so that no
 * handler is needed. */
void smg_audio_initialize(void) {
    set_clocks();
    set_pins();
    change(UART_CR1, 0, CR1_RXFNEIE);
    change(SCR, 0, SCR_SEVONPEND);
}

/* RM0432, RCC: a reset puts the block into a known state even if its external clock stopped in the middle of a frame,
 * when clearing SAIEN would never take effect. */
static void reset_sai(void) {
    change(RCC_APB2RSTR, 0, APB2_SAI1);
    change(RCC_APB2RSTR, APB2_SAI1, 0);
}

/* RM0432, DMA, channel configuration procedure. */
static void start_dma(void) {
    *at(DMA_CCR) = 0;
    *at(DMA_IFCR) = FLAG_ALL;
    *at(DMAMUX_C0CR) = REQUEST_SAI1_A;
    *at(DMA_CPAR) = SAI_DR;
    *at(DMA_CMAR) = (uint32_t)(uintptr_t)frames;
    *at(DMA_CNDTR) = 2 * SMG_FEATURES_HOP;
    *at(DMA_CCR) = CCR_INTERRUPTS | CCR_CIRC | CCR_MINC | CCR_HALFWORDS | CCR_HIGH;
    change(DMA_CCR, 0, CCR_EN);
}

/* RM0432, SAI, I2S: two slots of 16 bits, the left one kept. The block waits for the master's next frame. */
void smg_audio_start(void) {
    next = 0;
    lost = false;
    reset_sai();
    start_dma();
    *at(SAI_CR1) = CR1_SLAVE_RECEIVER | CR1_16_BITS | CR1_CKSTR;
    *at(SAI_CR2) = CR2_FFLUSH; /* threshold 0: a request for each sample */
    *at(SAI_FRCR) = FRCR_32_BITS | FRCR_16_ACTIVE | FRCR_FSDEF | FRCR_FSOFF;
    *at(SAI_SLOTR) = SLOTR_2_SLOTS | SLOTR_SLOT_0;
    change(SAI_CR1, 0, CR1_DMAEN);
    change(SAI_CR1, 0, CR1_SAIEN);
}

void smg_audio_stop(void) {
    lost = smg_audio_lost();
    reset_sai();
    *at(DMA_CCR) = 0;
    *at(DMA_IFCR) = FLAG_ALL;
}

/* The copy counts as processing: the pin rises before it. If the other frame is complete by the end of the copy, the
 * DMA was writing into this one. */
bool smg_audio_take(int16_t *samples) {
    const uint32_t flag = next == 0 ? FLAG_HALF : FLAG_COMPLETE, other = FLAG_HALF ^ FLAG_COMPLETE ^ flag;
    if ((*at(DMA_ISR) & flag) == 0) return false;
    smg_audio_processing_pin(true);
    __asm__ volatile("dmb" ::: "memory");
    __builtin_memcpy(samples, frames[next], sizeof frames[next]);
    __asm__ volatile("dmb" ::: "memory");
    if ((*at(DMA_ISR) & other) != 0) lost = true;
    *at(DMA_IFCR) = flag;
    next ^= 1;
    return true;
}

bool smg_audio_ended(void) { return false; }

bool smg_audio_lost(void) { return lost || (*at(SAI_SR) & SR_OVRUDR) != 0; }

/* What came before the pending bits are cleared is looked at; what comes later sets them, which wakes the core or keeps
 * it from sleeping. */
void smg_audio_wait(void) {
    *at(NVIC_ICPR + 4 * (IRQ_DMA / 32)) = 1u << IRQ_DMA % 32;
    *at(NVIC_ICPR + 4 * (IRQ_UART / 32)) = 1u << IRQ_UART % 32;
    __asm__ volatile("dsb" ::: "memory");
    if (smg_port_readable()) return;
    if ((*at(DMA_ISR) & (FLAG_HALF | FLAG_COMPLETE)) == 0) __asm__ volatile("wfe" ::: "memory");
}

static void drive(uint32_t port, uint32_t pin, bool high) { *at(port + GPIO_BSRR) = 1u << (high ? pin : pin + 16); }

void smg_audio_detected_pin(bool high) { drive(GPIOB, DETECTED_PIN, high); }

void smg_audio_processing_pin(bool high) { drive(GPIOE, PROCESSING_PIN, high); }
