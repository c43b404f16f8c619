/* SPDX-License-Identifier: Apache-2.0 */
/* A port's access to its board's registers, words at their addresses. */
#ifndef SMG_REGISTERS_H
#define SMG_REGISTERS_H
#include <stdint.h>

static inline volatile uint32_t *at(uint32_t address) { return (volatile uint32_t *)(uintptr_t)address; }

/* The bits of mask become 0, then those of value 1. */
static inline void change(uint32_t address, uint32_t mask, uint32_t value) {
    *at(address) = (*at(address) & ~mask) | value;
}

static inline void set(uint32_t address, uint32_t bits) { change(address, 0, bits); }

static inline void wait_for(uint32_t address, uint32_t mask, uint32_t value) {
    while ((*at(address) & mask) != value) {
    }
}

#endif
