/* SPDX-License-Identifier: Apache-2.0 */
/* The products of several groups of four tiles: a segment of weights is used for all of them before the next, so that
 * it comes from flash once and from the cache of a flash's data after that. A segment is as many blocks as fit 256
 * bytes; where an accumulator takes several segments, its sums wait in memory. */

#if SMG_BLOCK_STEPS <= 8
#define SMG_SEGMENT_BLOCKS 4
#define SMG_SEGMENTS 0x00400000 /* one bit a segment, set where it goes on with sums, then a bit that ends them */
#elif SMG_BLOCK_STEPS <= 16
#define SMG_SEGMENT_BLOCKS 2
#define SMG_SEGMENTS 0x55040000
#else
#define SMG_SEGMENT_BLOCKS 1
#define SMG_SEGMENTS 0x77775540
#endif
#define SMG_SEGMENT_BYTES(blocks) SMG_TEXT(blocks * SMG_BLOCK_STEPS * 8)
#define SMG_REST_OF_TILES(blocks) SMG_TEXT(4 * SMG_TILE_WORDS - blocks * SMG_BLOCK_STEPS * 16)
#define SMG_SEGMENT_SIZE(blocks)                  \
    "movw r3, #" SMG_SEGMENT_BYTES(blocks) "\n"   \
    "vmov s9, r3\n"                               \
    "movw r3, #" SMG_REST_OF_TILES(blocks) "\n"   \
    "vmov s7, r3\n"

/* Two channels: products of count groups of four tiles into sums (count, 9, 4 tiles, 2 channels).
 * s0: sums, moving; s1: segments left; s2: end of the segment; s3: end of sums; s4: the segment; s5, s6: starts;
 * s7: from the end of a segment's tiles to those of the next group; s8: bytes of all tiles; s9: bytes of a segment;
 * s10, s11: what fresh sums begin with; s12: bytes of all sums; s13: nonzero if sums go on. */
SMG_NAKED void smg_group_products(const uint32_t *tiles, const int32_t *pair, uint32_t *sums, int32_t count) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "vldr s5, [r1]\n"
        "vldr s6, [r1, #16]\n"
        "add r1, r1, #32\n"
        "vmov s4, r1\n"
        "movw r4, #" SMG_TEXT(4 * SMG_TILE_WORDS) "\n"
        "mul r4, r4, r3\n"
        "vmov s8, r4\n"
        "mov r4, #" SMG_TEXT(4 * SMG_SUM_WORDS) "\n"
        "mul r4, r4, r3\n"
        "vmov s12, r4\n"
        "vmov s0, r2\n"
        "add r4, r4, r2\n"
        "vmov s3, r4\n"
        "movw r2, #" SMG_TEXT(SMG_SEGMENTS) " & 0xffff\n"
        "movt r2, #" SMG_TEXT(SMG_SEGMENTS) " >> 16\n"
        "movs r3, #0\n"
        "vmov s10, r3\n"
        "vmov s11, r3\n"
        SMG_SEGMENT_SIZE(SMG_SEGMENT_BLOCKS)
        ".p2align 2\n"
        "1:\n"
        "cmp r2, #0x40000000\n"
        "bne 2f\n"
        "vmov.f32 s10, s5\n"
        "vmov.f32 s11, s6\n"
        SMG_SEGMENT_SIZE(1)
        "2:\n"
        ".if " SMG_TEXT(SMG_SEGMENT_BLOCKS) " == 4\n"
        "cmp r2, #0x04000000\n"
        "bne 3f\n"
        SMG_SEGMENT_SIZE(2)
        "3:\n"
        "lsl r2, r2, #1\n"
        ".else\n"
        "and r3, r2, #0x80000000\n"
        "vmov s13, r3\n"
        "lsl r2, r2, #1\n"
        ".endif\n"
        "vmov s1, r2\n"
        "vmov r1, s4\n"
        "vmov r3, s9\n"
        "add r3, r3, r1\n"
        "vmov s2, r3\n"
        ".p2align 2\n"
        "4:\n"
        ".if " SMG_TEXT(SMG_SEGMENT_BLOCKS) " < 4\n"
        "vmov r3, s13\n"
        "cbnz r3, 5f\n"
        ".endif\n"
        "vmov r10, s10\n"
        "vmov r11, s11\n"
        "mov r4, r10\n"
        "mov r5, r11\n"
        "mov r6, r10\n"
        "mov r7, r11\n"
        "mov r8, r10\n"
        "mov r9, r11\n"
        ".if " SMG_TEXT(SMG_SEGMENT_BLOCKS) " < 4\n"
        "b 6f\n"
        "5:\n"
        "vmov r3, s0\n"
        "ldmia r3, {r4-r11}\n"
        ".endif\n"
        ".p2align 2\n"
        "6:\n"
        ".rept " SMG_TEXT(SMG_TURN_STEPS) "\n" SMG_NEXT_STEP ".endr\n"
        "vmov r2, s2\n"
        "cmp r1, r2\n"
        "bne 6b\n"
        "vmov r3, s0\n"
        "stmia r3!, {r4-r11}\n"
        "add r3, r3, #" SMG_TEXT(4 * SMG_SUM_WORDS) " - 32\n"
        "vmov s0, r3\n"
        "vmov r2, s7\n"
        "add r0, r0, r2\n"
        "vmov r1, s4\n"
        "vmov r2, s3\n"
        "cmp r3, r2\n"
        "bne 4b\n"
        "vmov r4, s9\n"
        "add r1, r1, r4\n"
        "vmov s4, r1\n"
        "add r0, r0, r4, lsl #1\n"
        "vmov r4, s8\n"
        "sub r0, r0, r4\n"
        "vmov r2, s1\n"
        "cmp r2, #0\n"
        ".if " SMG_TEXT(SMG_SEGMENT_BLOCKS) " < 4\n"
        "blt 7f\n"
        ".endif\n"
        "add r3, r3, #32\n"
        "vmov s3, r3\n"
        "7:\n"
        "vmov r4, s12\n"
        "sub r3, r3, r4\n"
        "vmov s0, r3\n"
        "cmp r2, #0x80000000\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}

/* Two channels of four tiles of outputs from their sums, one group's. */
SMG_NAKED void smg_group_outputs(const int32_t *pair, const uint32_t *sums, int8_t *y, int32_t pitch) {
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "vmov s3, r0\n"
        "vmov s4, r1\n"
        "vmov s5, r2\n"
        "vmov s6, r3\n"
        SMG_PAIR_OUTPUTS
        "pop {r4-r11, pc}\n");
}
