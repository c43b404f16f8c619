/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one inference after the other between two markers, for emulators: they write inputs when the core enters
 * smg_harness_begin and read outputs when it enters smg_harness_end. Generated code provides smg_harness_infer,
 * and smg_harness_start where something has to be set up before the first one. */
void smg_harness_infer(void);
void smg_harness_start(void);
void smg_harness_begin(void);
void smg_harness_end(void);
int main(void);

__attribute__((noinline, used)) void smg_harness_begin(void) { __asm__ volatile("" ::: "memory"); }

__attribute__((noinline, used)) void smg_harness_end(void) { __asm__ volatile("" ::: "memory"); }

__attribute__((weak)) void smg_harness_start(void) {}

int main(void) {
    smg_harness_start();
    for (;;) {
        smg_harness_begin();
        smg_harness_infer();
        smg_harness_end();
    }
}
