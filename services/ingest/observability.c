#include "services/ingest/observability.h"

#include "common/base/clock.h"

#define COOKIE "Observability-Metric-Interaction-Active"

enum { TIME_BYTES = sizeof "2026-01-02T03:04:05.123456Z" };

static void put_digits(char *to, int count, unsigned value)
{
    for (; count > 0; count--, value /= 10)
        to[count - 1] = (char)('0' + value % 10);
}

static void iso_time(int64_t us, char out[TIME_BYTES])
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm t;
    gmtime_r(&seconds, &t);
    memcpy(out, "0000-00-00T00:00:00.000000Z", TIME_BYTES);
    put_digits(out, 4, (unsigned)t.tm_year + 1900);
    put_digits(out + 5, 2, (unsigned)t.tm_mon + 1);
    put_digits(out + 8, 2, (unsigned)t.tm_mday);
    put_digits(out + 11, 2, (unsigned)t.tm_hour);
    put_digits(out + 14, 2, (unsigned)t.tm_min);
    put_digits(out + 17, 2, (unsigned)t.tm_sec);
    put_digits(out + 20, 6, (unsigned)(us % 1000000));
}

/* Hour and minute, of a time that is to stand in a cookie: its colons are encoded. */
#define TIME_FORMAT "%.13s%%3A%.2s%%3A%s"
#define TIME_ARGS(t) (t), (t) + 14, (t) + 17

static Str cookie(Arena *arena, const char *start, const char *finish, int64_t took_ns)
{
    return arena_format(arena,
                        COOKIE "=%%7B+%%22startTime%%22%%3A+%%22" TIME_FORMAT
                               "%%22%%2C+%%22finishTime%%22%%3A+%%22" TIME_FORMAT
                               "%%22%%2C+%%22durationMillisecs%%22%%3A+%%22%lld"
                               "%%22%%2C+%%22durationNanosecs%%22%%3A+%%22%lld%%22+%%7D"
                               "; Path=/; Secure; SameSite=Lax",
                        TIME_ARGS(start), TIME_ARGS(finish), (long long)(took_ns / 1000000),
                        (long long)took_ns);
}

void observability_add(HttpRequest *request)
{
    Arena *arena = http_request_arena(request);
    int64_t took_ns = clock_mono_ns() - (int64_t)http_request_started_ns(request);
    int64_t start_us = http_request_started_us(request);
    char start[TIME_BYTES], finish[TIME_BYTES];
    iso_time(start_us, start);
    iso_time(start_us + took_ns / 1000, finish);
    Str start_text = arena_copy(arena, str_from(start));
    http_reply_header(request, "X-Observability-Metric-Interaction-Start-Time", start_text);
    http_reply_header(request, "X-Observability-Metric-Interaction-Finish-Time",
                      arena_copy(arena, str_from(finish)));
    http_reply_header(request, "X-Observability-Metric-Interaction-Duration-Millisecs",
                      arena_format(arena, "%lld", (long long)(took_ns / 1000000)));
    http_reply_header(request, "X-Observability-Metric-Interaction-Duration-Nanosecs",
                      arena_format(arena, "%lld", (long long)took_ns));
    http_reply_header(request, "startTime", start_text);
    http_reply_header(request, "Set-Cookie", cookie(arena, start, finish, took_ns));
}
