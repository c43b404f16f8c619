/* SPDX-License-Identifier: Apache-2.0 */
/* The device's side of the benchmark's serial protocol: commands in, replies out. The same in every firmware. */
#ifndef SMG_DUT_H
#define SMG_DUT_H
#include <stddef.h>
#include <stdint.h>

/* A command beyond the protocol's own. `run` gets what follows the name, without leading spaces, ended by a zero. */
typedef struct {
    const char *name;
    const char *help;
    void (*run)(char *arguments);
} smg_dut_command;

/* Defined with the model: its further commands, tried after the protocol's own. */
extern const smg_dut_command smg_dut_extra_commands[];
extern const size_t smg_dut_extra_count;

/* Prints the boot text; the device then takes commands. */
void smg_dut_initialize(void);

/* Where the next received bytes go, and how many there is room for, never 0. */
char *smg_dut_room(size_t *most);

/* So many bytes have been put there, of which only the last may be a '%'; runs the command that it ends. */
void smg_dut_received(size_t n);

/* The next word of *rest, ended by a zero in place, and *rest moved behind it; NULL if there is none. */
char *smg_dut_word(char **rest);

/* What `db` commands have loaded, and how many bytes that is. */
const uint8_t *smg_dut_bytes(void);
size_t smg_dut_loaded(void);

/* Right before and right after every call of th_infer: places for a debugger or an emulator. */
void smg_dut_infer_begin(void);
void smg_dut_infer_end(void);

#endif
