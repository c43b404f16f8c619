/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of CMSIS-NN share: its header, its structs filled from ours, and what becomes of a failure. */
#ifndef SMG_CMSIS_NN_INC_H
#define SMG_CMSIS_NN_INC_H
#include <arm_nnfunctions.h>
#include <stdint.h>

#if defined(CMSIS_NN_USE_SINGLE_ROUNDING)
#error "this network was compiled for CMSIS-NN's double rounding: build without CMSIS_NN_USE_SINGLE_ROUNDING"
#endif
#if defined(__ARMCC_VERSION)
#error "CMSIS-NN needs larger buffers under armclang than this network was compiled for: build with GCC or Clang"
#endif

/* Its structs point to constants without saying so. */
static inline int32_t *smg_cmsis_nn_constants(const int32_t *p) { return (int32_t *)(uintptr_t)p; }

static inline cmsis_nn_dims smg_cmsis_nn_dims(int32_t n, int32_t h, int32_t w, int32_t c) {
    cmsis_nn_dims dims;
    dims.n = n;
    dims.h = h;
    dims.w = w;
    dims.c = c;
    return dims;
}

static inline cmsis_nn_tile smg_cmsis_nn_tile(int32_t h, int32_t w) {
    cmsis_nn_tile tile;
    tile.h = h;
    tile.w = w;
    return tile;
}

static inline cmsis_nn_activation smg_cmsis_nn_range(int32_t act_min, int32_t act_max) {
    cmsis_nn_activation range;
    range.min = act_min;
    range.max = act_max;
    return range;
}

/* The buffer has the size that the library asks for; its functions for int8 do not look at the field. */
static inline cmsis_nn_context smg_cmsis_nn_context(void *scratch) {
    cmsis_nn_context context;
    context.buf = scratch;
    context.size = 0;
    return context;
}

/* The library refuses only what our compiler does not give it: a refusal must not pass for a result. */
static inline void smg_cmsis_nn_done(arm_cmsis_nn_status status) {
    if (status != ARM_CMSIS_NN_SUCCESS) {
        __builtin_trap();
    }
}
#endif
