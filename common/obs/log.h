/* log - one event, one line of JSON on one file descriptor.
 *
 *   log_info(log, "message.validated", LOG_TRACE(&trace), LOG_STR("interaction_id", id),
 *            LOG_U64("issues", count));
 *   {"ts":"2026-01-02T03:04:05.678Z","level":"info","service":"validator","event":"message.validated",
 *    "trace_id":"...","span_id":"...","interaction_id":"...","issues":3}
 *
 * Rule:    never patient data: ids of ours, codes, counts, sizes, times.
 * Threads: any; a line is one write(2). A NULL Log swallows everything.
 * Limits:  a text of LOG_TEXT_MAX bytes, a line of LOG_LINE_MAX; more is cut and marked "...".
 *          Invalid UTF-8 becomes U+FFFD. A line that cannot be written is dropped, never waited
 *          for longer than the descriptor does. */
#pragma once
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/str.h"
#include "common/obs/trace.h"

#define LOG_TEXT_MAX 512
#define LOG_LINE_MAX 4096 /* PIPE_BUF: lines of several processes never mix in a pipe */

typedef struct Log Log;

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } LogLevel;
#define LOG_LEVEL_CHOICES "debug|info|warn|error" /* for a CONFIG_CHOICE */

/* `service` is borrowed for the log's life. NULL without memory. */
Log *log_new(int fd, const char *service, LogLevel least);
void log_free(Log *log);
bool log_enabled(const Log *log, LogLevel level);

typedef struct LogField {
    enum {
        LOG_FIELD_NONE,
        LOG_FIELD_STR,
        LOG_FIELD_U64,
        LOG_FIELD_I64,
        LOG_FIELD_F64,
        LOG_FIELD_BOOL,
        LOG_FIELD_TRACE,
        LOG_FIELD_ERR
    } type;
    const char *name;
    union {
        Str text;
        uint64_t u64;
        int64_t i64;
        double f64;
        bool truth;
        const Trace *trace;
        const Err *err;
    } value;
} LogField;

#define LOG_STR(name_, str_) ((LogField){LOG_FIELD_STR, (name_), {.text = (str_)}})
#define LOG_TEXT(name_, cstr_) ((LogField){LOG_FIELD_STR, (name_), {.text = str_from(cstr_)}})
#define LOG_U64(name_, v_) ((LogField){LOG_FIELD_U64, (name_), {.u64 = (uint64_t)(v_)}})
#define LOG_I64(name_, v_) ((LogField){LOG_FIELD_I64, (name_), {.i64 = (int64_t)(v_)}})
#define LOG_F64(name_, v_) ((LogField){LOG_FIELD_F64, (name_), {.f64 = (v_)}})
#define LOG_BOOL(name_, v_) ((LogField){LOG_FIELD_BOOL, (name_), {.truth = (v_)}})
/* Nothing when the text is empty. */
#define LOG_STR_IF(name_, str_) ((str_).len ? LOG_STR(name_, str_) : (LogField){0})
/* "trace_id" and "span_id"; nothing when the trace is NULL or not set */
#define LOG_TRACE(trace_) ((LogField){LOG_FIELD_TRACE, "", {.trace = (trace_)}})
/* "error" (code), "error_kind", "error_text", "where" */
#define LOG_ERR(err_) ((LogField){LOG_FIELD_ERR, "", {.err = (err_)}})

void log_write(const Log *log, LogLevel level, const char *event, const LogField *fields,
               size_t count);
#define LOG_AT(log, level, event, ...)                                                             \
    log_write((log), (level), (event), (const LogField[]){{0}, ##__VA_ARGS__},                     \
              sizeof((const LogField[]){{0}, ##__VA_ARGS__}) / sizeof(LogField))
#define log_debug(log, event, ...) LOG_AT(log, LOG_DEBUG, event, ##__VA_ARGS__)
#define log_info(log, event, ...) LOG_AT(log, LOG_INFO, event, ##__VA_ARGS__)
#define log_warn(log, event, ...) LOG_AT(log, LOG_WARN, event, ##__VA_ARGS__)
#define log_error(log, event, ...) LOG_AT(log, LOG_ERROR, event, ##__VA_ARGS__)
