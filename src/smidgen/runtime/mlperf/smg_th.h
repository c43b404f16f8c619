/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's th_ functions, by the names its rules give them (MLPerf Tiny, benchmark API), and who defines them.
 */
#ifndef SMG_TH_H
#define SMG_TH_H
#include <stdbool.h>
#include <stdint.h>

/* smg_th.c, on top of a port. */
void th_serialport_initialize(void);
uint32_t th_receive(char *to, uint32_t most); /* in place of th_getchar: what has arrived, a byte at the least */
__attribute__((format(printf, 1, 2))) void th_printf(const char *format, ...);

/* smg_th_performance.c (a line with the time) or smg_th_energy.c (a pulse on the pin), one of them in a firmware. */
void th_timestamp_initialize(void);
void th_timestamp(void);

/* smg_model.c and, chosen for the task, a smg_load_*.c and a smg_results_*.c. th_load_tensor says whether the bytes
 * loaded make an input, and prints an error if not. */
void th_final_initialize(void);
bool th_load_tensor(void);
void th_pre(void);
void th_infer(void);
void th_post(void);
void th_results(void);

/* Called while no byte waits. True: there is more to do, call again before the device sleeps. */
bool th_background(void);

#endif
