#include "common/obs/trace.h"

#include <sys/random.h>

#include "common/base/check.h"

static void put_hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; /* upper case is invalid here */
}

static bool get_hex(Str text, uint8_t *bytes)
{
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = hex_value(text.ptr[2 * i]), low = hex_value(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

bool trace_parse(Str text, Trace *ret_trace)
{
    Trace trace;
    uint8_t version;
    text = str_trim(text);
    if (text.len < 55 || text.ptr[2] != '-' || text.ptr[35] != '-' || text.ptr[52] != '-')
        return false;
    if (!get_hex(str_cut(text, 0, 2), &version) || !get_hex(str_cut(text, 3, 35), trace.trace_id) ||
        !get_hex(str_cut(text, 36, 52), trace.span_id) ||
        !get_hex(str_cut(text, 53, 55), &trace.flags))
        return false;
    /* spec: www.w3.org/TR/trace-context/#versioning-of-traceparent
     * A later version may append fields; version 0 may not, version ff is forbidden. */
    if (version == 0xff || (version == 0 && text.len != 55) ||
        (text.len > 55 && text.ptr[55] != '-'))
        return false;
    if (all_zero(trace.trace_id, 16) || all_zero(trace.span_id, 8))
        return false;
    trace.flags &= 1;
    *ret_trace = trace;
    return true;
}

static void fill_random(void *bytes, size_t len)
{
    CHECK(getrandom(bytes, len, 0) == (ssize_t)len); /* up to 256 bytes are never cut short */
}

Trace trace_new(void)
{
    Trace trace;
    fill_random(&trace, sizeof trace);
    trace.flags = 1;
    trace.trace_id[0] |= 1; /* neither may be all zero */
    trace.span_id[0] |= 1;
    return trace;
}

Trace trace_child(const Trace *parent)
{
    Trace child = *parent;
    fill_random(child.span_id, sizeof child.span_id);
    child.span_id[0] |= 1;
    return child;
}

bool trace_is_set(const Trace *trace)
{
    return !all_zero(trace->trace_id, sizeof trace->trace_id);
}

void trace_id_hex(const Trace *trace, char ret_text[TRACE_ID_HEX + 1])
{
    put_hex(trace->trace_id, sizeof trace->trace_id, ret_text);
}

void trace_span_hex(const Trace *trace, char ret_text[TRACE_SPAN_HEX + 1])
{
    put_hex(trace->span_id, sizeof trace->span_id, ret_text);
}

void trace_format(const Trace *trace, char ret_text[TRACEPARENT_SIZE])
{
    ret_text[0] = ret_text[1] = '0';
    ret_text[2] = '-';
    trace_id_hex(trace, ret_text + 3);
    ret_text[35] = '-';
    trace_span_hex(trace, ret_text + 36);
    ret_text[52] = '-';
    uint8_t flags = trace->flags & 1;
    put_hex(&flags, 1, ret_text + 53);
}
