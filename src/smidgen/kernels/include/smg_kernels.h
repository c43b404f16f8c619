/* SPDX-License-Identifier: Apache-2.0 */
/* The contracts between a compiled model and its kernels: one parameter struct and one function type a contract.
 * C11, freestanding. Activations are NHWC, convolution weights OHWI, depthwise weights HWC (c = in_c * multiplier).
 * Offsets are added to an operand, never subtracted. x, y: activations; w: weights and b: bias (or null) as the
 * kernel's record packs them; scratch: as many bytes as its record asks for, 8-byte aligned. All data pointers may have
 * any alignment of their element type, except that the planner aligns every buffer it places to 8 bytes.
 *
 * Kernels never access bytes outside their operands, parameters and scratch, not even by reading a word that straddles
 * an end; they write y and scratch only. y may be the operand that the record names as in place, else overlaps nothing.
 * Each kernel's file declares it by its type here, so that the compiler checks the definition against the contract. */
#ifndef SMG_KERNELS_H
#define SMG_KERNELS_H
#include <stdint.h>

/* Convolution of any kernel, stride, dilation, padding and groups. */
typedef struct {
    int32_t batch, in_h, in_w, in_c, out_h, out_w, out_c, k_h, k_w;
    int32_t stride_h, stride_w, dilation_h, dilation_w, pad_t, pad_l, groups;
    int32_t in_offset, out_offset, act_min, act_max;
    const int32_t *mult, *shift; /* (out_c) of each: see smg_requantize.h */
} smg_conv2d_params;
typedef void smg_conv2d_kernel(const smg_conv2d_params *p, const int8_t *x, const int8_t *w, const int32_t *b,
                               int8_t *y, void *scratch);

/* Depthwise convolution: output channel c reads input channel c / multiplier. */
typedef struct {
    int32_t batch, in_h, in_w, in_c, out_h, out_w, out_c, k_h, k_w;
    int32_t stride_h, stride_w, dilation_h, dilation_w, pad_t, pad_l, multiplier;
    int32_t in_offset, out_offset, act_min, act_max;
    const int32_t *mult, *shift; /* (out_c) of each */
} smg_depthwise_params;
typedef void smg_depthwise_kernel(const smg_depthwise_params *p, const int8_t *x, const int8_t *w, const int32_t *b,
                                  int8_t *y, void *scratch);

/* Fully connected: y (rows, out_c) = x (rows, in_c) * w (out_c, in_c)^T. */
typedef struct {
    int32_t rows, in_c, out_c;
    int32_t in_offset, out_offset, act_min, act_max;
    int32_t channel_step;        /* 0: one mult and shift for all channels; 1: one of each a channel */
    const int32_t *mult, *shift; /* (1) or (out_c) of each */
} smg_fully_connected_params;
typedef void smg_fully_connected_kernel(const smg_fully_connected_params *p, const int8_t *x, const int8_t *w,
                                        const int32_t *b, int8_t *y, void *scratch);

/* Convolution, depthwise or fully connected, its numbers packed in words. Halves, low first: in_size and out_size rows
 * and columns, channels in and out. Bytes, lowest first: window k_h, k_w, stride_h, stride_w; place pad_t, pad_l,
 * dilation_h, dilation_w; range the input's zero point, the output's, act_min, act_max; record the least shift, bytes
 * of a bias plus 128 if there is a word a channel, and as its upper half the batch. */
typedef struct {
    int32_t in_size, out_size, channels, window, place, range, record;
} smg_compact_params;
typedef void smg_compact_kernel(const smg_compact_params *p, const int8_t *x, const int8_t *w, const int32_t *b,
                                int8_t *y, void *scratch);

/* The same layers where x, y or both are int16, with zero point 0; the kernel's instance says which (smg_elements.h).
 * One rounding, ties to even. */
typedef smg_conv2d_params smg_conv2d_s16_params;
typedef void smg_conv2d_s16_kernel(const smg_conv2d_params *p, const void *x, const int8_t *w, const int32_t *b,
                                   void *y, void *scratch);
typedef smg_depthwise_params smg_depthwise_s16_params;
typedef void smg_depthwise_s16_kernel(const smg_depthwise_params *p, const void *x, const int8_t *w, const int32_t *b,
                                      void *y, void *scratch);
typedef smg_fully_connected_params smg_fully_connected_s16_params;
typedef void smg_fully_connected_s16_kernel(const smg_fully_connected_params *p, const void *x, const int8_t *w,
                                            const int32_t *b, void *y, void *scratch);

/* Elementwise over (d0, d1, d2, d3) outputs; strides in elements, 0 along a broadcast dimension. */
typedef struct {
    int32_t dims[4], a_strides[4], b_strides[4];
} smg_broadcast;

/* TFLite's add: both inputs shifted left and rescaled, added (or subtracted, sign -1), rescaled; double rounding. */
typedef struct {
    smg_broadcast shape;
    int32_t a_offset, b_offset, a_sign, b_sign, left_shift;
    int32_t a_mult, a_shift, b_mult, b_shift, out_mult, out_shift;
    int32_t out_offset, act_min, act_max;
} smg_add_params;
typedef void smg_add_kernel(const smg_add_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch);

/* y = (a_mult * a + b_mult * b + addend) >> shift, each product's upper 32 of 48 bits; shift and clamp are constants of
 * the instance. y may be a or b. */
typedef struct {
    int32_t count, a_mult, b_mult, addend;
} smg_add_linear_params;
typedef void smg_add_linear_kernel(const smg_add_linear_params *p, const int8_t *a, const int8_t *b, int8_t *y,
                                   void *scratch);

/* One exact rounding, ties to even: y = rne((a * a_mult + b * b_mult) / 2^shift); a sign lives in its multiplier. */
typedef struct {
    smg_broadcast shape;
    int32_t a_offset, b_offset, a_mult, b_mult, shift;
    int32_t out_offset, act_min, act_max;
} smg_addrne_params;
typedef void smg_addrne_kernel(const smg_addrne_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch);

/* The same of int16, or of int8 and int16. */
typedef smg_addrne_params smg_add_s16_params;
typedef void smg_add_s16_kernel(const smg_addrne_params *p, const void *a, const void *b, void *y, void *scratch);

/* Elementwise product with one multiplier. */
typedef struct {
    smg_broadcast shape;
    int32_t a_offset, b_offset, mult, shift, out_offset, act_min, act_max;
} smg_mul_params;
typedef void smg_mul_kernel(const smg_mul_params *p, const int8_t *a, const int8_t *b, int8_t *y, void *scratch);

/* The same of int16, or of int8 and int16. */
typedef smg_mul_params smg_mul_s16_params;
typedef void smg_mul_s16_kernel(const smg_mul_params *p, const void *a, const void *b, void *y, void *scratch);

/* Max and TFLite's average pooling (equal scales in and out). */
typedef struct {
    int32_t batch, in_h, in_w, in_c, out_h, out_w, k_h, k_w, stride_h, stride_w, pad_t, pad_l;
    int32_t act_min, act_max;
} smg_pool_params;
typedef void smg_pool_kernel(const smg_pool_params *p, const int8_t *x, int8_t *y, void *scratch);

/* Max pooling of int16. */
typedef smg_pool_params smg_maxpool_s16_params;
typedef void smg_maxpool_s16_kernel(const smg_pool_params *p, const int16_t *x, int16_t *y, void *scratch);

/* Average pooling with a rescale and one rounding, ties to even. */
typedef struct {
    int32_t batch, in_h, in_w, in_c, out_h, out_w, k_h, k_w, stride_h, stride_w, pad_t, pad_l;
    int32_t in_offset, out_offset, act_min, act_max;
    int32_t divisors;                      /* 1: mult[0], shift[0] serve every window, whatever part of it is inside */
    const int32_t *divisor, *mult, *shift; /* (divisors) of each: valid elements, descending, and their multipliers */
} smg_avgpoolrne_params;
typedef void smg_avgpoolrne_kernel(const smg_avgpoolrne_params *p, const int8_t *x, int8_t *y, void *scratch);

/* The same of int16, to int16, or both. */
typedef smg_avgpoolrne_params smg_avgpool_s16_params;
typedef void smg_avgpool_s16_kernel(const smg_avgpoolrne_params *p, const void *x, void *y, void *scratch);

/* Mean of x (outer, reduced, inner) over its middle dimension. */
typedef struct {
    int32_t outer, reduced, inner;
    int32_t in_offset, out_offset, mult, shift, act_min, act_max;
} smg_mean_params;
typedef void smg_mean_kernel(const smg_mean_params *p, const int8_t *x, int8_t *y, void *scratch);

/* The same of int16, to int16, or both. */
typedef smg_mean_params smg_mean_s16_params;
typedef void smg_mean_s16_kernel(const smg_mean_params *p, const void *x, void *y, void *scratch);

/* TFLite's fixed-point softmax over the last dimension. */
typedef struct {
    int32_t rows, depth, mult, shift, diff_min;
} smg_softmax_params;
typedef void smg_softmax_kernel(const smg_softmax_params *p, const int8_t *x, int8_t *y, void *scratch);

/* The same from a table of its exponentials, by how far an element lies below the maximum: 0 beyond the table. */
typedef struct {
    int32_t rows, depth, entries;
    const int32_t *exponentials; /* (entries), Q0.31 */
} smg_softmax_table_params;
typedef void smg_softmax_table_kernel(const smg_softmax_table_params *p, const int8_t *x, int8_t *y, void *scratch);

/* Softmax from a table of exponentials: y = rne(e * out_mult / (sum e * 2^out_shift)). */
typedef struct {
    int32_t rows, depth, out_mult, out_shift, out_offset;
    const uint32_t *exponentials; /* (256): of (x - max), by max - x */
} smg_softmaxrne_params;
typedef void smg_softmaxrne_kernel(const smg_softmaxrne_params *p, const int8_t *x, int8_t *y, void *scratch);

/* y = table[x] for any function of one byte; the table is indexed by the byte as unsigned. */
typedef struct {
    int32_t count;
} smg_lookup_params;
typedef void smg_lookup_kernel(const smg_lookup_params *p, const int8_t *x, const int8_t *table, int8_t *y,
                               void *scratch);

/* The same with results of two bytes. */
typedef smg_lookup_params smg_lookup_s16_params;
typedef void smg_lookup_s16_kernel(const smg_lookup_params *p, const int8_t *x, const int16_t *table, int16_t *y,
                                   void *scratch);

/* int16 to int8 or int16 of another scale, or int8 to int16: one rounding, ties to even, and a clamp. x < 0 has a
 * multiplier of its own, which may be negative. y may be x where both have the same type. */
typedef struct {
    int32_t count, mult, shift, negative_mult, negative_shift, out_offset, act_min, act_max;
} smg_rescale_s16_params;
typedef void smg_rescale_s16_kernel(const smg_rescale_s16_params *p, const int16_t *x, void *y, void *scratch);

/* clip(x, act_min, act_max); y may be x. */
typedef struct {
    int32_t count, act_min, act_max;
} smg_clamp_s16_params;
typedef void smg_clamp_s16_kernel(const smg_clamp_s16_params *p, const int16_t *x, int16_t *y, void *scratch);

/* Constant padding of (d0, d1, d2, d3). */
typedef struct {
    int32_t in_dims[4], before[4], out_dims[4], value;
} smg_pad_params;
typedef void smg_pad_kernel(const smg_pad_params *p, const int8_t *x, int8_t *y, void *scratch);

/* The same of elements of two bytes. */
typedef smg_pad_params smg_pad_s16_params;
typedef void smg_pad_s16_kernel(const smg_pad_params *p, const int16_t *x, int16_t *y, void *scratch);

/* y in row-major order over dims; in_strides are x's strides along each output dimension. */
typedef struct {
    int32_t dims[6], in_strides[6];
} smg_transpose_params;
typedef void smg_transpose_kernel(const smg_transpose_params *p, const int8_t *x, int8_t *y, void *scratch);

/* The same of elements of two bytes. */
typedef smg_transpose_params smg_transpose_s16_params;
typedef void smg_transpose_s16_kernel(const smg_transpose_params *p, const int16_t *x, int16_t *y, void *scratch);

/* Concatenation: outer rows, each the inputs' chunks in order. */
typedef struct {
    int32_t outer, inputs;
    const int32_t *chunk_bytes; /* (inputs) */
} smg_concat_params;
typedef void smg_concat_kernel(const smg_concat_params *p, const int8_t *const *x, int8_t *y, void *scratch);

/* The same of elements of two bytes; the chunks are in bytes nevertheless. */
typedef smg_concat_params smg_concat_s16_params;
typedef void smg_concat_s16_kernel(const smg_concat_params *p, const int16_t *const *x, int16_t *y, void *scratch);

/* float32 -> int8: round(x / scale) + zero_point, saturated; NaN gives zero_point. Ties as the kernel says. */
typedef struct {
    int32_t count, zero_point;
    float scale;
} smg_quantize_params;
typedef void smg_quantize_kernel(const smg_quantize_params *p, const float *x, int8_t *y, void *scratch);

/* The same to int16. */
typedef smg_quantize_params smg_quantize_s16_params;
typedef void smg_quantize_s16_kernel(const smg_quantize_params *p, const float *x, int16_t *y, void *scratch);

/* int8 -> float32: (x - zero_point) * scale. */
typedef struct {
    int32_t count, zero_point;
    float scale;
} smg_dequantize_params;
typedef void smg_dequantize_kernel(const smg_dequantize_params *p, const int8_t *x, float *y, void *scratch);

/* The same from int16. */
typedef smg_dequantize_params smg_dequantize_s16_params;
typedef void smg_dequantize_s16_kernel(const smg_dequantize_params *p, const int16_t *x, float *y, void *scratch);
/* Below: float32. Results are clipped to act_min..act_max; sums go in the order that docs/numerics.md states. */
typedef struct {
    int32_t batch, in_h, in_w, in_c, out_h, out_w, out_c, k_h, k_w;
    int32_t stride_h, stride_w, dilation_h, dilation_w, pad_t, pad_l, groups;
    int32_t by_columns; /* 1: blocks of pixels lie one below the other, else side by side */
    float act_min, act_max;
} smg_conv2d_f32_params;
typedef void smg_conv2d_f32_kernel(const smg_conv2d_f32_params *p, const float *x, const float *w, const float *b,
                                   float *y, void *scratch);

typedef struct {
    int32_t batch, in_h, in_w, in_c, out_h, out_w, out_c, k_h, k_w;
    int32_t stride_h, stride_w, dilation_h, dilation_w, pad_t, pad_l, multiplier;
    int32_t by_columns; /* as above */
    float act_min, act_max;
} smg_depthwise_f32_params;
typedef void smg_depthwise_f32_kernel(const smg_depthwise_f32_params *p, const float *x, const float *w, const float *b,
                                      float *y, void *scratch);

typedef struct {
    int32_t rows, in_c, out_c;
    float act_min, act_max;
} smg_fully_connected_f32_params;
typedef void smg_fully_connected_f32_kernel(const smg_fully_connected_f32_params *p, const float *x, const float *w,
                                            const float *b, float *y, void *scratch);

/* The same with weights in half precision: uint16_t each, or for blocks uint32_t words of two. */
typedef smg_conv2d_f32_params smg_conv2d_f16_params;
typedef void smg_conv2d_f16_kernel(const smg_conv2d_f32_params *p, const float *x, const void *w, const float *b,
                                   float *y, void *scratch);
typedef smg_depthwise_f32_params smg_depthwise_f16_params;
typedef void smg_depthwise_f16_kernel(const smg_depthwise_f32_params *p, const float *x, const void *w, const float *b,
                                      float *y, void *scratch);
typedef smg_fully_connected_f32_params smg_fully_connected_f16_params;
typedef void smg_fully_connected_f16_kernel(const smg_fully_connected_f32_params *p, const float *x, const void *w,
                                            const float *b, float *y, void *scratch);

/* a_sign * a + b_sign * b */
typedef struct {
    smg_broadcast shape;
    float a_sign, b_sign, act_min, act_max;
} smg_add_f32_params;
typedef void smg_add_f32_kernel(const smg_add_f32_params *p, const float *a, const float *b, float *y, void *scratch);

typedef struct {
    smg_broadcast shape;
    float act_min, act_max;
} smg_mul_f32_params;
typedef void smg_mul_f32_kernel(const smg_mul_f32_params *p, const float *a, const float *b, float *y, void *scratch);

typedef struct {
    int32_t batch, in_h, in_w, in_c, out_h, out_w, k_h, k_w, stride_h, stride_w, pad_t, pad_l;
    int32_t divisor; /* of an average: 0 for the elements inside the input */
    float act_min, act_max;
} smg_pool_f32_params;
typedef void smg_pool_f32_kernel(const smg_pool_f32_params *p, const float *x, float *y, void *scratch);

/* Mean of x (outer, reduced, inner) over its middle dimension. */
typedef struct {
    int32_t outer, reduced, inner;
    float act_min, act_max;
} smg_mean_f32_params;
typedef void smg_mean_f32_kernel(const smg_mean_f32_params *p, const float *x, float *y, void *scratch);

/* Softmax of beta * x over the last dimension. */
typedef struct {
    int32_t rows, depth;
    float beta;
} smg_softmax_f32_params;
typedef void smg_softmax_f32_kernel(const smg_softmax_f32_params *p, const float *x, float *y, void *scratch);

/* A function of one element with up to two parameters, which the kernel's comment names. */
typedef struct {
    int32_t count;
    float a, b;
} smg_unary_f32_params;
typedef void smg_unary_f32_kernel(const smg_unary_f32_params *p, const float *x, float *y, void *scratch);

typedef struct {
    int32_t in_dims[4], before[4], out_dims[4];
    float value;
} smg_pad_f32_params;
typedef void smg_pad_f32_kernel(const smg_pad_f32_params *p, const float *x, float *y, void *scratch);

/* in_strides in elements */
typedef struct {
    int32_t dims[6], in_strides[6];
} smg_transpose_f32_params;
typedef void smg_transpose_f32_kernel(const smg_transpose_f32_params *p, const float *x, float *y, void *scratch);

typedef struct {
    int32_t outer, inputs;
    const int32_t *chunk_bytes; /* (inputs) */
} smg_concat_f32_params;
typedef void smg_concat_f32_kernel(const smg_concat_f32_params *p, const float *const *x, float *y, void *scratch);

/* A part of one dimension: of each of the outer runs of x the bytes from start on; y may be x. */
typedef struct {
    int32_t outer, in_bytes, start_bytes, out_bytes;
} smg_crop_params;
typedef void smg_crop_kernel(const smg_crop_params *p, const int8_t *x, int8_t *y, void *scratch);
typedef smg_crop_params smg_crop_s16_params;
typedef void smg_crop_s16_kernel(const smg_crop_params *p, const int16_t *x, int16_t *y, void *scratch);
typedef smg_crop_params smg_crop_f32_params;
typedef void smg_crop_f32_kernel(const smg_crop_params *p, const float *x, float *y, void *scratch);

/* A window of frames without its oldest one, then the new one: y (outer, kept + frame bytes) from window of the same
 * shape, which y may be, and x (outer, frame bytes). */
typedef struct {
    int32_t outer, kept_bytes, frame_bytes;
} smg_slide_window_params;
typedef void smg_slide_window_kernel(const smg_slide_window_params *p, const int8_t *window, const int8_t *x, int8_t *y,
                                     void *scratch);
typedef smg_slide_window_params smg_slide_window_s16_params;
typedef void smg_slide_window_s16_kernel(const smg_slide_window_params *p, const int16_t *window, const int16_t *x,
                                         int16_t *y, void *scratch);
typedef smg_slide_window_params smg_slide_window_f32_params;
typedef void smg_slide_window_f32_kernel(const smg_slide_window_params *p, const float *window, const float *x,
                                         float *y, void *scratch);
#endif
