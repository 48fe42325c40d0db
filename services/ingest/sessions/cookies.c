#include "services/ingest/sessions/cookies.h"

void cookies_find(Str header, Str wanted, Str *found)
{
    Str pair;
    while (str_split(&header, ';', &pair)) {
        Str text = str_trim(pair);
        size_t at = str_find_char(text, '=');
        if (at < text.len && str_eq(str_cut(text, 0, at), wanted))
            *found = found->ptr ? STR("") : str_skip(text, at + 1); /* twice: somebody plays */
    }
}

static bool read_time(Str *text, int64_t *ret_s)
{
    Str word;
    uint64_t s;
    if (!str_split(text, '\n', &word) || !str_to_u64(word, &s) || s > INT64_MAX)
        return false;
    *ret_s = (int64_t)s;
    return true;
}

bool session_text_read(Str text, SessionText *ret_session)
{
    SessionText session = {0};
    Str version, means;
    if (!str_split(&text, '\n', &version) || !str_is(version, "1") ||
        !str_split(&text, '\n', &session.account) || !str_split(&text, '\n', &means) ||
        !read_time(&text, &session.started_s) || !read_time(&text, &session.seen_s) ||
        !str_split(&text, '\n', &session.stamp) || !str_split(&text, '\n', &session.csrf))
        return false;
    session.oidc = str_is(means, "o");
    *ret_session = session;
    return true;
}

Str session_text_write(const SessionText *session, Arena *arena)
{
    Str times = arena_format(arena, "%lld\n%lld\n", (long long)session->started_s,
                             (long long)session->seen_s);
    return ARENA_JOIN(arena, STR("1\n"), session->account,
                      session->oidc ? STR("\no\n") : STR("\nl\n"), times, session->stamp, STR("\n"),
                      session->csrf);
}
