#include "common/obs/log.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "common/base/utf8.h"

struct Log {
    int fd;
    LogLevel least;
    const char *service;
};

/* A line under way. The last bytes are kept free, so that it can always be closed. */
typedef struct Line {
    char text[LOG_LINE_MAX];
    size_t len;
    bool full;
} Line;
#define LINE_CLOSE_BYTES 24 /* ,"truncated":true}\n */

Log *log_new(int fd, const char *service, LogLevel least)
{
    Log *log = malloc(sizeof *log);
    if (log)
        *log = (Log){.fd = fd, .least = least, .service = service};
    return log;
}

void log_free(Log *log)
{
    free(log);
}

bool log_enabled(const Log *log, LogLevel level)
{
    return log && level >= log->least;
}

/* A field that does not fit whole is left out whole: the line stays JSON. */
static bool line_room(Line *line, size_t bytes)
{
    if (line->full || line->len + bytes + LINE_CLOSE_BYTES > sizeof line->text)
        line->full = true;
    return !line->full;
}

static void line_add(Line *line, Str text)
{
    memcpy(line->text + line->len, text.ptr, text.len); /* NOLINT: counted, not terminated */
    line->len += text.len;
}

static size_t put_escaped(char *out, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    if (c >= 0x20 && c != 0x7f) {
        out[0] = (char)c;
        return 1;
    }
    memcpy(out, "\\u00", 4); /* NOLINT: counted, not terminated */
    out[4] = digits[c >> 4];
    out[5] = digits[c & 15];
    return 6;
}

static void line_add_string(Line *line, Str text)
{
    bool cut = text.len > LOG_TEXT_MAX;
    size_t end = cut ? LOG_TEXT_MAX : text.len;
    line->text[line->len++] = '"';
    for (size_t i = 0; i < end;) {
        size_t step = utf8_step(str_skip(text, i));
        if (step == 1) {
            line->len += put_escaped(line->text + line->len, (unsigned char)text.ptr[i++]);
        } else if (step == 0) { /* not UTF-8 */
            line_add(line, STR("\xef\xbf\xbd"));
            i++;
        } else {
            memcpy(line->text + line->len, text.ptr + i, step);
            line->len += step;
            i += step;
        }
    }
    line_add(line, cut ? STR("...\"") : STR("\""));
}

static void add_str(Line *line, const char *name, Str text)
{
    size_t shown = text.len > LOG_TEXT_MAX ? LOG_TEXT_MAX + 8 : text.len;
    if (!line_room(line, strlen(name) + shown * 6 + 8))
        return;
    line_add(line, STR(",\""));
    line_add(line, str_from(name));
    line_add(line, STR("\":"));
    line_add_string(line, text);
}

static void add_raw(Line *line, const char *name, const char *value)
{
    if (!line_room(line, strlen(name) + strlen(value) + 4))
        return;
    line_add(line, STR(",\""));
    line_add(line, str_from(name));
    line_add(line, STR("\":"));
    line_add(line, str_from(value));
}

static void add_trace(Line *line, const Trace *trace)
{
    char hex[TRACE_ID_HEX + 1];
    if (!trace || !trace_is_set(trace))
        return;
    trace_id_hex(trace, hex);
    add_str(line, "trace_id", str_from(hex));
    trace_span_hex(trace, hex);
    add_str(line, "span_id", str_from(hex));
}

static void add_err(Line *line, const Err *err)
{
    if (!err)
        return;
    add_str(line, "error", str_from(err->code ? err->code : "none"));
    add_str(line, "error_kind", str_from(err_kind_name(err->kind)));
    add_str(line, "error_text", str_from(err->text));
    add_str(line, "where", str_from(err->where ? err->where : ""));
}

static void add_field(Line *line, const LogField *f)
{
    char number[40];
    switch (f->type) {
    case LOG_FIELD_NONE:
        return;
    case LOG_FIELD_STR:
        add_str(line, f->name, f->value.text);
        return;
    case LOG_FIELD_U64:
        snprintf(number, sizeof number, "%llu", (unsigned long long)f->value.u64);
        break;
    case LOG_FIELD_I64:
        snprintf(number, sizeof number, "%lld", (long long)f->value.i64);
        break;
    case LOG_FIELD_F64:
        if (isfinite(f->value.f64))
            snprintf(number, sizeof number, "%.6g", f->value.f64);
        else
            snprintf(number, sizeof number, "null");
        break;
    case LOG_FIELD_BOOL:
        snprintf(number, sizeof number, "%s", f->value.truth ? "true" : "false");
        break;
    case LOG_FIELD_TRACE:
        add_trace(line, f->value.trace);
        return;
    case LOG_FIELD_ERR:
        add_err(line, f->value.err);
        return;
    }
    add_raw(line, f->name, number);
}

static void add_time(Line *line)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    line->len += strftime(line->text, 40, "{\"ts\":\"%Y-%m-%dT%H:%M:%S", &utc);
    line->len += (size_t)snprintf(line->text + line->len, 8, ".%03ldZ\"", now.tv_nsec / 1000000);
}

void log_write(const Log *log, LogLevel level, const char *event, const LogField *fields,
               size_t count)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    if (!log_enabled(log, level))
        return;
    Line line;
    line.len = 0;
    line.full = false;
    add_time(&line);
    add_str(&line, "level", str_from(levels[level]));
    add_str(&line, "service", str_from(log->service));
    add_str(&line, "event", str_from(event));
    for (size_t i = 0; i < count; i++)
        add_field(&line, &fields[i]);
    line_add(&line, line.full ? STR(",\"truncated\":true}\n") : STR("}\n"));
    ssize_t written;
    do
        written = write(log->fd, line.text, line.len);
    while (written < 0 && errno == EINTR);
}
