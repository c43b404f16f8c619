/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up of a bare Cortex-M image: vector table, FPU, .data, .bss, main. The smg_... addresses come from the linker
 * script (build/link.py). Nothing here knows a board: clocks stay as they are after reset. */
#include <stdint.h>

extern uint32_t smg_data_start[], smg_data_end[], smg_bss_start[], smg_bss_end[], smg_stack_top[];
extern const uint32_t smg_data_load[], smg_code_load[];
extern uint32_t smg_code_start[], smg_code_end[];

int main(void);
void Reset_Handler(void);
void smg_fault(void);

/* Every fault and every unexpected interrupt ends here: a debugger or an emulator looks for this symbol. */
__attribute__((noinline, used)) void smg_fault(void) {
    for (;;) {
        __asm__ volatile("");
    }
}

/* Apart from Reset_Handler, so that no FPU instruction of an inlined loop can move before the FPU is on. */
static __attribute__((noinline, used)) void smg_start(void) {
    const uint32_t *from = smg_data_load;
    for (uint32_t *to = smg_data_start; to < smg_data_end; to++) {
        *to = *from++;
        __asm__ volatile(""); /* stays a loop: memcpy is not for code that runs before .data exists */
    }
    from = smg_code_load;
    for (uint32_t *to = smg_code_start; to < smg_code_end; to++) {
        *to = *from++;
        __asm__ volatile("");
    }
    __asm__ volatile("dsb\n\tisb" ::: "memory"); /* what was written is code */
    for (uint32_t *to = smg_bss_start; to < smg_bss_end; to++) {
        *to = 0;
        __asm__ volatile("");
    }
    (void)main();
    smg_fault();
}

__attribute__((used)) void Reset_Handler(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    volatile uint32_t *const cpacr = (volatile uint32_t *)0xE000ED88u; /* Arm ARMv7-M ARM B3.2.20 */
    *cpacr = *cpacr | (0xFu << 20);                                    /* CP10 and CP11: full access */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    smg_start();
}

typedef void (*smg_vector)(void);
/* clang-format off */
__attribute__((section(".smg_vectors"), used)) static const union {
    const uint32_t *stack;
    smg_vector handler;
} smg_vectors[16] = {
    {.stack = smg_stack_top}, {.handler = Reset_Handler}, {.handler = smg_fault}, {.handler = smg_fault},
    {.handler = smg_fault},   {.handler = smg_fault},     {.handler = smg_fault}, {.handler = 0},
    {.handler = 0},           {.handler = 0},             {.handler = 0},         {.handler = smg_fault},
    {.handler = smg_fault},   {.handler = 0},             {.handler = smg_fault}, {.handler = smg_fault},
};
/* clang-format on */
