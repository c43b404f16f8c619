/* SPDX-License-Identifier: Apache-2.0 */
/* The wakeword detector: audio to features to scores to pulses, frame by frame between two commands, and the commands
 * that the streaming benchmark's host and its tools send. */
#include <stddef.h>

#include "features/smg_features.h"
#include "smg_audio.h"
#include "smg_dut.h"
#include "smg_port.h"
#include "smg_th.h"
#include "smg_wakeword.h"

enum { A_LINE = 16 };

static int16_t samples[SMG_FEATURES_HOP];
static _Alignas(8) int8_t features[SMG_FEATURES_BANDS];
static const int8_t *scores;

static bool listening, first_frame;
static int8_t activations[SMG_WAKEWORD_ACTIVATIONS]; /* class 0 of each frame of a run */
static size_t frames;

static void forget(void) {
    smg_features_reset();
    smg_wakeword_reset();
}

/* Features and network: what an inference is here. */
static void infer_frame(void) {
    smg_features_frame(samples, features);
    scores = smg_wakeword_step(features);
}

static void pulse_detected(void) {
    const uint32_t start = smg_port_microseconds();
    smg_audio_detected_pin(false);
    while (smg_port_microseconds() - start < 2) {
    }
    smg_audio_detected_pin(true);
}

static void process_frame(void) {
    smg_audio_processing_pin(true);
    smg_dut_infer_begin();
    infer_frame();
    smg_dut_infer_end();
    if (first_frame || scores[0] > SMG_WAKEWORD_THRESHOLD) pulse_detected(); /* the first one is time zero */
    first_frame = false;
    if (frames < SMG_WAKEWORD_ACTIVATIONS) activations[frames++] = scores[0];
    smg_audio_processing_pin(false);
}

bool th_background(void) {
    if (!listening) return false;
    if (smg_audio_take(samples)) {
        process_frame();
        return true;
    }
    if (smg_audio_ended()) return false;
    smg_audio_wait();
    return true;
}

static void print_list(const int8_t *values, size_t n) {
    th_printf("[");
    for (size_t i = 0; i < n; i++) {
        th_printf("%d%s", values[i], i + 1 == n ? "" : (i + 1) % A_LINE == 0 ? ",\r\n" : ", ");
    }
    th_printf("]\r\n");
}

static void run_start(char *arguments) {
    (void)arguments;
    if (listening) {
        th_printf("m-[Listening already]\r\n");
        return;
    }
    forget();
    frames = 0;
    first_frame = listening = true;
    th_timestamp();
    smg_audio_processing_pin(true); /* a short pulse lines up the records of pins, energy and detections */
    smg_audio_processing_pin(false);
    smg_audio_start();
    th_printf("m-[Listening]\r\n");
}

static void run_stop(char *arguments) {
    (void)arguments;
    if (!listening) {
        th_printf("m-[Not listening]\r\n");
        return;
    }
    smg_audio_stop();
    listening = false;
    th_timestamp();
    if (smg_audio_lost()) th_printf("e-[Frames of audio were lost: the device is too slow]\r\n");
    th_printf("m-[Stopped]\r\ntarget activations:\r\n");
    print_list(activations, frames);
}

/* The next frame of a stream that is sent by `db` commands: little-endian samples. */
static bool load_frame(void) {
    const uint8_t *bytes = smg_dut_bytes();
    if (listening) {
        th_printf("e-[Listening to audio: stop first]\r\n");
        return false;
    }
    if (smg_dut_loaded() != sizeof samples) {
        th_printf("e-[A frame is %u bytes, %u are loaded]\r\n", (unsigned)sizeof samples, (unsigned)smg_dut_loaded());
        return false;
    }
    for (size_t i = 0; i < SMG_FEATURES_HOP; i++) samples[i] = (int16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
    return true;
}

static void run_extract(char *arguments) {
    (void)arguments;
    if (!load_frame()) return;
    infer_frame();
    th_printf("m-features-");
    print_list(features, SMG_FEATURES_BANDS);
    th_printf("m-activations-");
    print_list(scores, SMG_WAKEWORD_CLASSES);
}

static void run_reset(char *arguments) {
    (void)arguments;
    if (!listening) forget();
    th_printf(listening ? "e-[Listening to audio: stop first]\r\n" : "m-[The stream begins anew]\r\n");
}

static void run_state(char *arguments) {
    (void)arguments;
    th_printf("m-[%s, %u frames]\r\n", listening ? "listening" : "idle", (unsigned)frames);
}

static void run_processing_high(char *arguments) {
    (void)arguments;
    smg_audio_processing_pin(true);
}

static void run_processing_low(char *arguments) {
    (void)arguments;
    smg_audio_processing_pin(false);
}

const smg_dut_command smg_dut_extra_commands[] = {
    {"start", "start                : listen to audio, a pulse for each detection", run_start},
    {"stop", "stop                 : stop listening, print class 0 of each frame", run_stop},
    {"extract_uart_stream", "extract_uart_stream  : features and scores of the frame loaded by db", run_extract},
    {"forget", "forget               : frames sent by db begin a new stream", run_reset},
    {"state", "state                : listening or idle", run_state},
    {"proc_hi", "proc_hi, proc_lo     : drive the processing pin", run_processing_high},
    {"proc_lo", "", run_processing_low},
};
const size_t smg_dut_extra_count = sizeof smg_dut_extra_commands / sizeof *smg_dut_extra_commands;

void th_final_initialize(void) {
    smg_audio_initialize();
    forget();
}

bool th_load_tensor(void) { return load_frame(); }

void th_pre(void) {}

void th_infer(void) { infer_frame(); }

void th_post(void) {}

void th_results(void) {
    th_printf("m-results-[");
    for (size_t i = 0; scores != NULL && i < SMG_WAKEWORD_CLASSES; i++) {
        th_printf("%s%.3f", i == 0 ? "" : ",", (double)((float)(scores[i] - SMG_WAKEWORD_ZERO) * SMG_WAKEWORD_SCALE));
    }
    th_printf("]\r\n");
}
