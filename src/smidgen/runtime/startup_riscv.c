/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up of a bare RISC-V image: reset and trap entries, .data, .bss, main. The smg_... addresses come from the
 * linker script (build/link.py). Nothing here knows a board: clocks stay as they are after reset. */
#include <stdint.h>

extern uint32_t smg_data_start[], smg_data_end[], smg_bss_start[], smg_bss_end[];
extern const uint32_t smg_data_load[];

int main(void);
void Reset_Handler(void);
void smg_start(void);
void smg_trap(void);
void smg_fault(void);

uint32_t smg_fault_pc, smg_fault_cause; /* mepc and mcause of the trap that ended in smg_fault */

/* Every trap ends here: a debugger or an emulator looks for this symbol. */
__attribute__((noinline, used)) void smg_fault(void) {
    for (;;) {
        __asm__ volatile("");
    }
}

__attribute__((noinline, used)) void smg_start(void) {
    const uint32_t *from = smg_data_load;
    for (uint32_t *to = smg_data_start; to < smg_data_end; to++) {
        *to = *from++;
        __asm__ volatile(""); /* stays a loop: memcpy is not for code that runs before .data exists */
    }
    for (uint32_t *to = smg_bss_start; to < smg_bss_end; to++) {
        *to = 0;
        __asm__ volatile("");
    }
    (void)main();
    smg_fault();
}

/* Cores begin at the first address of flash or 0x80 above it (Ibex). No compressed code: both jumps have their place.
 */
__asm__(".section .smg_vectors, \"ax\"\n"
        ".option push\n"
        ".option norvc\n"
        ".globl smg_vectors\n"
        "smg_vectors:\n"
        "    j Reset_Handler\n"
        ".balign 0x80\n"
        "    j Reset_Handler\n"
        ".option pop\n"
        ".text\n");

/* Vector units are off after reset: mstatus.VS (and .FS, as a float unit may be there) to initial. */
__attribute__((naked, used)) void Reset_Handler(void) {
    __asm__ volatile("la sp, smg_stack_top\n\t"
                     "la t0, smg_trap\n\t"
                     "csrw mtvec, t0\n\t"
#if defined(__riscv_vector) || defined(__riscv_zve32x) || defined(__riscv_flen)
                     "li t0, 0x2200\n\t"
                     "csrs mstatus, t0\n\t"
#endif
                     "j smg_start");
}

/* Cores whose traps are vectored take exceptions at the table's first entry, which is aligned to 256 bytes. */
__attribute__((naked, used, aligned(256))) void smg_trap(void) {
    __asm__ volatile("csrr t0, mepc\n\t"
                     "la t1, smg_fault_pc\n\t"
                     "sw t0, 0(t1)\n\t"
                     "csrr t0, mcause\n\t"
                     "la t1, smg_fault_cause\n\t"
                     "sw t0, 0(t1)\n\t"
                     "j smg_fault");
}
