/* SPDX-License-Identifier: Apache-2.0 */
/* The body of the kernels that move a window on by one frame: bytes, whatever the elements are. */
#ifndef SMG_SLIDE_WINDOW_INC_H
#define SMG_SLIDE_WINDOW_INC_H
#include "smg_kernels.h"
#include "smg_memory.h"

/* As smg_copy, and long runs faster: eight words are loaded in a row, then stored in a row. ``to`` may lie before
 * ``from`` and overlap it. */
SMG_INLINE void smg_move_down(int8_t *to, const int8_t *from, int32_t count) {
    for (; SMG_WORDS_ANYWHERE && count >= 64; count -= 64, to += 64, from += 64) {
        for (int32_t part = 0; part < 64; part += 32) {
            uint32_t words[8];
            for (int32_t i = 0; i < 8; i++) words[i] = smg_load32(from + part + 4 * i);
            for (int32_t i = 0; i < 8; i++) smg_store32(to + part + 4 * i, words[i]);
        }
        __asm__("" ::: "memory");
    }
    smg_copy(to, from, count);
}

/* window and y (outer, kept + frame), x (outer, frame). In place each run moves towards its start: every byte is read
 * before it is written. */
SMG_INLINE void smg_slide(const smg_slide_window_params *p, const int8_t *window, const int8_t *x, int8_t *y) {
    const int32_t kept = p->kept_bytes, frame = p->frame_bytes;
    for (int32_t i = 0; i < p->outer; i++) {
        smg_move_down(y, window + frame, kept);
        smg_move_down(y + kept, x, frame);
        window += kept + frame;
        y += kept + frame;
        x += frame;
    }
}
#endif
