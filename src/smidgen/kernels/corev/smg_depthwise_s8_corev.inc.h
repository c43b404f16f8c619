/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution, four channels at a time. For one row of outputs, or two that share their inputs' words, first
 * each column of inputs is turned into a word of four rows for each channel; then a channel's outputs are dot products
 * of such words, its weights and constants in registers.
 *
 * Instances define SMG_ROWS (1 or 2), SMG_CHUNKS (words of a column), SMG_WORDS_OF_WINDOW = k_w * SMG_CHUNKS,
 * SMG_K_W, SMG_K_H, SMG_STRIDE_W, SMG_DILATION_W, SMG_COLUMNS and what smg_xcv_requantize.h asks for. The stream holds
 * for each channel its words (SMG_ROWS, k_w, SMG_CHUNKS), then its constants. Of channels that four does not divide the
 * last group is the last four. */
#include "smg_kernels.h"
#include "smg_xcv_requantize.h"

smg_depthwise_kernel SMG_FUNCTION;

#define SMG_CHANNEL_BYTES (SMG_COLUMNS * SMG_CHUNKS * 4)
#define SMG_CHANNEL_WORDS (SMG_ROWS * SMG_WORDS_OF_WINDOW + SMG_WORDS)
#define SMG_COLUMN_STEP (SMG_STRIDE_W * SMG_CHUNKS * 4)

/* Four rows of inputs of four channels: where they begin, and how far it is to the next column. */
typedef struct {
    const int8_t *at[4];
    int32_t step[4];
} smg_four_rows;

/* Words of four rows of `count` columns to `to`, for four channels SMG_CHANNEL_BYTES apart. */
SMG_INLINE void smg_columns(const smg_four_rows *rows, int8_t *to, int32_t count) {
    const int8_t *r0 = rows->at[0], *r1 = rows->at[1], *r2 = rows->at[2], *r3 = rows->at[3];
#if SMG_XCV
    uint32_t a, b, c, d, e, f;
    to += 3 * SMG_CHANNEL_BYTES;
    /* clang-format off */
    __asm__ volatile(
        ".balign 4\n"
        ".option push\n"
        ".option norvc\n"
        ".insn i 0x2b, 4, x14, %[count], 19\n" /* cv.setup 0 */
        "cv.lw %[a], (%[r0]), %[s0]\n"
        "cv.lw %[b], (%[r1]), %[s1]\n"
        "cv.lw %[c], (%[r2]), %[s2]\n"
        "cv.lw %[d], (%[r3]), %[s3]\n"
        "mv %[e], %[a]\n"
        "cv.shuffle2.b %[a], %[b], %[low]\n"  /* a0 b0 a1 b1 */
        "cv.shuffle2.b %[e], %[b], %[high]\n" /* a2 b2 a3 b3 */
        "mv %[f], %[c]\n"
        "cv.shuffle2.b %[c], %[d], %[low]\n"
        "cv.shuffle2.b %[f], %[d], %[high]\n"
        "cv.pack %[b], %[c], %[a]\n"
        "cv.pack.h %[a], %[c], %[a]\n"
        "cv.pack %[c], %[f], %[e]\n"
        "cv.pack.h %[e], %[f], %[e]\n"
        "sw %[b], %[three](%[to])\n"
        "sw %[a], %[two](%[to])\n"
        "sw %[c], %[one](%[to])\n"
        "cv.sw %[e], (%[to]), %[next]\n"
        ".option pop\n"
        : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f), [r0] "+&r"(r0),
          [r1] "+&r"(r1), [r2] "+&r"(r2), [r3] "+&r"(r3), [to] "+&r"(to)
        : [s0] "r"(rows->step[0]), [s1] "r"(rows->step[1]), [s2] "r"(rows->step[2]), [s3] "r"(rows->step[3]),
          [low] "r"(0x05010400), [high] "r"(0x07030602), [count] "r"(count), [one] "i"(-SMG_CHANNEL_BYTES),
          [two] "i"(-2 * SMG_CHANNEL_BYTES), [three] "i"(-3 * SMG_CHANNEL_BYTES), [next] "i"(4 * SMG_CHUNKS)
        : "memory");
    /* clang-format on */
#else
    for (int32_t i = 0; i < count; i++, to += 4 * SMG_CHUNKS) {
        for (int32_t channel = 0; channel < 4; channel++) {
            int8_t *word = to + channel * SMG_CHANNEL_BYTES;
            word[0] = r0[channel], word[1] = r1[channel], word[2] = r2[channel], word[3] = r3[channel];
        }
        r0 += rows->step[0], r1 += rows->step[1], r2 += rows->step[2], r3 += rows->step[3];
    }
#endif
}

/* A channel's outputs: y, from column words; stream: the channel's words. With two rows the second's are at below. */
SMG_INLINE const int32_t *smg_outputs(const int8_t *columns, const int32_t *stream, int8_t *y, int8_t *below,
                                      int32_t step, int32_t below_step, int32_t count) {
#if SMG_XCV
    /* clang-format off */
    register const int32_t *a1 __asm__("a1") = stream;
    uint32_t c0, c1, c2, s0, s1, w0, w1, w2, w3, w4, w5;
#define SMG_LOAD(n) "lw %[c" #n "], %[at" #n "](%[p])\n"
#if SMG_WORDS_OF_WINDOW == 1
#define SMG_LOAD_WEIGHTS(a, b, c) "cv.lw %[" a "], (a1), 4\n"
#define SMG_LOAD_COLUMNS "cv.lw %[c0], (%[p]), %[next]\n"
#define SMG_SUM(sum, a, b, c) "cv.dotsp.b %[" sum "], %[" a "], %[c0]\n"
#define SMG_BODY 1 + SMG_ROWS
#elif SMG_WORDS_OF_WINDOW == 2
#define SMG_LOAD_WEIGHTS(a, b, c) "cv.lw %[" a "], (a1), 4\n cv.lw %[" b "], (a1), 4\n"
#define SMG_LOAD_COLUMNS "cv.lw %[c0], (%[p]), %[next]\n" SMG_LOAD(1)
#define SMG_SUM(sum, a, b, c) \
    "cv.dotsp.b %[" sum "], %[" a "], %[c0]\n cv.sdotsp.b %[" sum "], %[" b "], %[c1]\n"
#else
#define SMG_LOAD_WEIGHTS(a, b, c) "cv.lw %[" a "], (a1), 4\n cv.lw %[" b "], (a1), 4\n cv.lw %[" c "], (a1), 4\n"
#define SMG_LOAD_COLUMNS "cv.lw %[c0], (%[p]), %[next]\n" SMG_LOAD(1) SMG_LOAD(2)
#define SMG_SUM(sum, a, b, c) \
    "cv.dotsp.b %[" sum "], %[" a "], %[c0]\n cv.sdotsp.b %[" sum "], %[" b "], %[c1]\n" \
    "cv.sdotsp.b %[" sum "], %[" c "], %[c2]\n"
#endif
#if SMG_ROWS == 2
#define SMG_LOAD_ALL_WEIGHTS SMG_LOAD_WEIGHTS("w0", "w1", "w2") SMG_LOAD_WEIGHTS("w3", "w4", "w5")
#define SMG_SECOND \
    SMG_SUM("s1", "w3", "w4", "w5") SMG_OUTPUT("%[s1]") "cv.sb %[s1], (%[below]), %[below_step]\n"
#else
#define SMG_LOAD_ALL_WEIGHTS SMG_LOAD_WEIGHTS("w0", "w1", "w2")
#define SMG_SECOND ""
#endif
#define SMG_AT(n) ((n) / SMG_CHUNKS * SMG_DILATION_W * SMG_CHUNKS * 4 + (n) % SMG_CHUNKS * 4 - SMG_COLUMN_STEP)
    __asm__ volatile(
        ".balign 4\n"
        ".option push\n"
        ".option norvc\n"
        SMG_LOAD_ALL_WEIGHTS
        SMG_CONSTANTS
        "lla ra, 1f\n"
        "lla t6, 2f\n"
        ".insn i 0x2b, 4, x2, ra, 0\n" /* cv.start 0 */
        ".insn i 0x2b, 4, x6, t6, 0\n" /* cv.end 0 */
        ".insn i 0x2b, 4, x10, %[count], 0\n" /* cv.count 0 */
        "1:\n"
        SMG_LOAD_COLUMNS
        SMG_SUM("s0", "w0", "w1", "w2") SMG_OUTPUT("%[s0]") "cv.sb %[s0], (%[y]), %[step]\n"
        SMG_SECOND
        "2:\n"
        ".option pop\n"
        : "+&r"(a1), [c0] "=&r"(c0), [c1] "=&r"(c1), [c2] "=&r"(c2), [s0] "=&r"(s0), [s1] "=&r"(s1), [w0] "=&r"(w0),
          [w1] "=&r"(w1), [w2] "=&r"(w2), [w3] "=&r"(w3), [w4] "=&r"(w4), [w5] "=&r"(w5), [p] "+&r"(columns),
          [y] "+&r"(y), [below] "+&r"(below)
        : [step] "r"(step), [below_step] "r"(below_step), [count] "r"(count), [next] "i"(SMG_COLUMN_STEP),
          [at1] "i"(SMG_AT(1)), [at2] "i"(SMG_AT(2))
        : "memory", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "ra");
    /* clang-format on */
    return a1;
#else
    const int32_t *constants = stream + SMG_ROWS * SMG_WORDS_OF_WINDOW;
    for (int32_t i = 0; i < count; i++, columns += SMG_COLUMN_STEP, y += step, below += below_step) {
        for (int32_t r = 0; r < SMG_ROWS; r++) {
            int32_t sum = 0;
            for (int32_t k = 0; k < SMG_WORDS_OF_WINDOW; k++) {
                const int32_t word = k / SMG_CHUNKS * SMG_DILATION_W * SMG_CHUNKS + k % SMG_CHUNKS;
                const uint32_t weights = (uint32_t)stream[r * SMG_WORDS_OF_WINDOW + k];
                sum = smg_sdotsp4(weights, smg_load32(columns + 4 * word), sum);
            }
            *(r ? below : y) = smg_xcv_output(sum, constants);
        }
    }
    return stream + SMG_CHANNEL_WORDS;
#endif
}

/* Where four rows of the window of output row oy begin, from tap ky on; rows outside of the image are zero points. */
SMG_INLINE smg_four_rows smg_rows_from(const smg_depthwise_params *p, const int8_t *x, int32_t oy, int32_t ky,
                                       const int8_t *zeros) {
    smg_four_rows rows;
    int32_t iy = oy * p->stride_h - p->pad_t + ky * p->dilation_h;
    const int32_t row = p->in_w * p->in_c;
    for (int32_t i = 0; i < 4; i++, iy += p->dilation_h) {
        const int inside = iy >= 0 && iy < p->in_h && (SMG_ROWS == 2 || ky + i < SMG_K_H);
        rows.at[i] = inside ? x + iy * row : zeros;
        rows.step[i] = inside ? p->in_c : 0;
    }
    return rows;
}

/* x: (batch, in_h, in_w, c), b: the stream, y: (batch, out_h, out_w, c), scratch: words (4, columns, chunks), a word of
 * zero points and one that is written and not read. */
void SMG_FUNCTION(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *b, int8_t *y,
                  void *scratch) {
    const int32_t channels = p->in_c, out_row = p->out_w * channels;
    const int32_t lead = p->pad_l * SMG_CHUNKS * 4;
    const int32_t after = SMG_COLUMNS - p->pad_l, inside = after < p->in_w ? after : p->in_w;
    int8_t *columns = scratch, *zeros = columns + 4 * SMG_CHANNEL_BYTES, *unread = zeros + 4;
    (void)w;
    smg_fill(columns, (int8_t)-p->in_offset, 4 * SMG_CHANNEL_BYTES + 4);
    for (int32_t n = 0; n < p->batch; n++, x += p->in_h * p->in_w * channels, y += p->out_h * out_row) {
        const int32_t *stream = b;
        for (int32_t done = 0; done < channels; done += 4) {
            const int32_t first = done + 4 <= channels ? done : channels - 4;
            const int32_t *next = stream;
            for (int32_t oy = 0; oy < p->out_h; oy += SMG_ROWS) {
                int8_t *to = y + oy * out_row + first;
                const int32_t last = oy + 1 >= p->out_h;
                for (int32_t chunk = 0; chunk < SMG_CHUNKS; chunk++) {
                    const smg_four_rows rows = smg_rows_from(p, x + first, oy, 4 * chunk, zeros);
                    smg_columns(&rows, columns + lead + 4 * chunk, inside);
                }
                next = stream;
                for (int32_t c = 0; c < 4; c++)
                    next = smg_outputs(columns + c * SMG_CHANNEL_BYTES, next, to + c, last ? unread : to + out_row + c,
                                       channels, last ? 0 : channels, p->out_w);
            }
            stream = next;
        }
    }
}
