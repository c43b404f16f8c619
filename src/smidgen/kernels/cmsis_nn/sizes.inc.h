/* SPDX-License-Identifier: Apache-2.0 */
/* A program of the host: prints the bytes that CMSIS-NN's size functions say for the layer in its arguments. */
#include <arm_nnfunctions.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most of plain C, which every compiler can be told to take, and of the code for a core. */
static int32_t of_variant(const char *variant, int32_t plain, int32_t dsp, int32_t mve) {
    const int32_t bytes = strcmp(variant, "mve") == 0 ? mve : strcmp(variant, "dsp") == 0 ? dsp : plain;
    return bytes > plain ? bytes : plain;
}

static int32_t of_window(int is_depthwise, const char *variant, const int32_t *n) {
    const cmsis_nn_dims in = {.n = n[0], .h = n[1], .w = n[2], .c = n[3]};
    const cmsis_nn_dims out = {.n = n[0], .h = n[7], .w = n[8], .c = n[4]};
    const cmsis_nn_tile stride = {.h = n[9], .w = n[10]}, padding = {.h = n[11], .w = n[12]};
    const cmsis_nn_tile dilation = {.h = n[13], .w = n[14]};
    if (is_depthwise) {
        const cmsis_nn_dims filter = {.n = 1, .h = n[5], .w = n[6], .c = n[4]};
        cmsis_nn_dw_conv_params p = {.input_offset = n[15], .ch_mult = n[16]};
        p.stride = stride;
        p.padding = padding;
        p.dilation = dilation;
        return of_variant(variant, arm_depthwise_conv_wrapper_s8_get_buffer_size(&p, &in, &filter, &out),
                          arm_depthwise_conv_wrapper_s8_get_buffer_size_dsp(&p, &in, &filter, &out),
                          arm_depthwise_conv_wrapper_s8_get_buffer_size_mve(&p, &in, &filter, &out));
    }
    const cmsis_nn_dims filter = {.n = n[4], .h = n[5], .w = n[6], .c = n[3] / n[16]};
    cmsis_nn_conv_params p = {.input_offset = n[15]};
    p.stride = stride;
    p.padding = padding;
    p.dilation = dilation;
    return of_variant(variant, arm_convolve_wrapper_s8_get_buffer_size(&p, &in, &filter, &out),
                      arm_convolve_wrapper_s8_get_buffer_size_dsp(&p, &in, &filter, &out),
                      arm_convolve_wrapper_s8_get_buffer_size_mve(&p, &in, &filter, &out));
}

int main(int count, char **arguments) {
    int32_t n[17] = {0}, bytes = -1;
    for (int i = 3; i < count && i < 20; i++) {
        n[i - 3] = (int32_t)strtol(arguments[i], NULL, 10);
    }
    if (count < 3) {
        return 2;
    }
    const char *kind = arguments[1], *variant = arguments[2];
    if (strcmp(kind, "fully_connected") == 0) {
        const cmsis_nn_dims filter = {.n = n[0], .h = 1, .w = 1, .c = n[1]};
        bytes = of_variant(variant, arm_fully_connected_s8_get_buffer_size(&filter),
                           arm_fully_connected_s8_get_buffer_size_dsp(&filter),
                           arm_fully_connected_s8_get_buffer_size_mve(&filter));
    } else if (strcmp(kind, "avgpool") == 0) {
        bytes =
            of_variant(variant, arm_avgpool_s8_get_buffer_size(n[0], n[1]),
                       arm_avgpool_s8_get_buffer_size_dsp(n[0], n[1]), arm_avgpool_s8_get_buffer_size_mve(n[0], n[1]));
    } else {
        bytes = of_window(strcmp(kind, "depthwise") == 0, variant, n);
    }
    printf("%ld\n", (long)bytes);
    return 0;
}
