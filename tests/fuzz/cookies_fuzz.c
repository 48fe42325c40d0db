/* Cookie headers, one a line, and what is sealed in ours (after a NUL): a name that stands there
 * once has its value, twice none; what reads as a session is written and reads the same. */
#include "common/base/check.h"
#include "services/ingest/sessions/cookies.h"
#include "tests/fuzz/target.h"

#define WANTED STR("__Host-fhirbus-session")

/* Another way to say it: "; " pairs, blanks around them, everything up to the first "=". */
static size_t times_named(Str header)
{
    size_t times = 0;
    while (header.ptr) {
        size_t end = str_find_char(header, ';');
        Str pair = str_trim(str_cut(header, 0, end));
        times += str_starts(pair, WANTED) && pair.len > WANTED.len && pair.ptr[WANTED.len] == '=';
        header = end < header.len ? str_skip(header, end + 1) : STR_NONE;
    }
    return times;
}

static void look(Str headers)
{
    Str header, found = STR_NONE;
    size_t times = 0;
    while (str_split(&headers, '\n', &header)) {
        cookies_find(header, WANTED, &found);
        times += times_named(header);
    }
    CHECK((found.ptr != NULL) == (times > 0));
    CHECK(times < 2 || found.len == 0);
    CHECK(str_find_char(found, ';') == found.len);
}

static void read(Str text, Arena *arena)
{
    SessionText session, again;
    if (!session_text_read(text, &session))
        return;
    Str written = session_text_write(&session, arena);
    CHECK(written.ptr && session_text_read(written, &again));
    CHECK(str_eq(session.account, again.account) && session.oidc == again.oidc &&
          session.started_s == again.started_s && session.seen_s == again.seen_s &&
          str_eq(session.stamp, again.stamp) && str_eq(session.csrf, again.csrf));
    CHECK(session.started_s >= 0 && session.seen_s >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new((size_t)1 << 20);
    Str all = {(const char *)data, size};
    size_t at = str_find_char(all, '\0');
    look(str_cut(all, 0, at));
    if (at < all.len)
        read(str_skip(all, at + 1), arena);
    return 0;
}
