/* SPDX-License-Identifier: Apache-2.0 */
/* The body of the kernels that move a window on by one frame: bytes, whatever the elements are. */
#ifndef SMG_SLIDE_WINDOW_INC_H
#define SMG_SLIDE_WINDOW_INC_H
#include "smg_kernels.h"
#include "smg_memory.h"

/* window and y (outer, kept + frame), x (outer, frame). In place each run moves towards its start: every byte is read
 * before it is written, in blocks of 16 that are loaded whole before they are stored. */
SMG_INLINE void smg_slide(const smg_slide_window_params *p, const int8_t *window, const int8_t *x, int8_t *y) {
    const int32_t kept = p->kept_bytes, frame = p->frame_bytes;
    for (int32_t i = 0; i < p->outer; i++) {
        smg_copy(y, window + frame, kept);
        smg_copy(y + kept, x, frame);
        window += kept + frame;
        y += kept + frame;
        x += frame;
    }
}
#endif
