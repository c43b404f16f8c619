/* SPDX-License-Identifier: Apache-2.0 */
/* Clamps in assembly text, for instances that define SMG_ACT_MIN and SMG_ACT_MAX. */
#ifndef SMG_ASM_CLAMP_H
#define SMG_ASM_CLAMP_H

#define SMG_TEXT_OF(value) #value
#define SMG_TEXT(value) SMG_TEXT_OF(value) /* a constant as text, for an immediate */

/* SMG_ASM_CLAMP(t): what SSAT to int8 leaves to do. Changes the flags. */
#if SMG_ACT_MIN > -128
#define SMG_ASM_CLAMP_LOW(t)                       \
    "cmp " t ", #" SMG_TEXT(SMG_ACT_MIN) "\n"      \
                                         "it lt\n" \
                                         "movlt " t ", #" SMG_TEXT(SMG_ACT_MIN) "\n"
#else
#define SMG_ASM_CLAMP_LOW(t) ""
#endif
#if SMG_ACT_MAX < 127
#define SMG_ASM_CLAMP_HIGH(t)                      \
    "cmp " t ", #" SMG_TEXT(SMG_ACT_MAX) "\n"      \
                                         "it gt\n" \
                                         "movgt " t ", #" SMG_TEXT(SMG_ACT_MAX) "\n"
#else
#define SMG_ASM_CLAMP_HIGH(t) ""
#endif
#define SMG_ASM_CLAMP(t) SMG_ASM_CLAMP_LOW(t) SMG_ASM_CLAMP_HIGH(t)
#endif
