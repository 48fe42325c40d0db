/* trace - W3C trace context: which request a log line, a message or a call belongs to.
 *
 * Spec:    www.w3.org/TR/trace-context/#traceparent-header
 * Threads: pure; random bytes come from getrandom(2).
 * Errors:  trace_parse yields false on anything that the specification calls invalid; the caller
 *          then starts a trace of its own with trace_new. */
#pragma once
#include <stdint.h>

#include "common/base/str.h"

#define TRACE_ID_HEX 32
#define TRACE_SPAN_HEX 16
#define TRACEPARENT_SIZE 56 /* with the NUL */

typedef struct Trace {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags; /* bit 0: sampled */
} Trace;

bool trace_parse(Str traceparent, Trace *ret_trace) __attribute__((warn_unused_result));
Trace trace_new(void);
Trace trace_child(const Trace *parent); /* same trace, new span */
bool trace_is_set(const Trace *trace);
void trace_format(const Trace *trace, char ret_text[TRACEPARENT_SIZE]);
void trace_id_hex(const Trace *trace, char ret_text[TRACE_ID_HEX + 1]);
void trace_span_hex(const Trace *trace, char ret_text[TRACE_SPAN_HEX + 1]);
