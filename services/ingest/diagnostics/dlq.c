/* GET /admin/api/diagnostics/dlq: the dead letters of those for whom the caller may replay. */
#include "common/base/when.h"
#include "common/json/write.h"
#include "services/ingest/audited.h"
#include "services/ingest/authenticate.h"
#include "services/ingest/diagnostics/flows.h"
#include "services/ingest/diagnostics/letters.h"
#include "services/ingest/diagnostics/letters_since.h"
#include "services/ingest/diagnostics/reveal.h"
#include "services/ingest/diagnostics/tell.h"

enum { LIST_DEFAULT = 50 };

typedef struct Letters {
    TellQuestion tell;
    LettersAsk ask;
    bool all;          /* also those of nobody */
    Str reason, topic; /* ptr NULL: any */
    int64_t from_us, to_us;
    bool malformed;
} Letters;

static bool is_asked_for(const Letters *letters, const LetterHead *head)
{
    return (!letters->reason.ptr || str_eq(letters->reason, head->reason)) &&
           (!letters->topic.ptr || str_eq(letters->topic, head->topic)) &&
           head->at_us >= letters->from_us && head->at_us < letters->to_us;
}

/* Whoever may replay for one tenant learns of no other's letters. */
static bool fits(const void *opaque, const LetterHead *head)
{
    const Letters *letters = opaque;
    Str tenant = head->tenant;
    const Exchange *exchange = letters->tell.base.exchange;
    if (!is_asked_for(letters, head))
        return false;
    if (exchange->tenant.len)
        return str_eq(exchange->tenant, tenant);
    return letters->all || (tenant.len && authenticate_may_for(exchange, tenant));
}

static StepNext read_letters(Exchange *exchange, Question *base)
{
    Letters *letters = (Letters *)base;
    const Caller *caller = exchange->identity.caller;
    Str asked = tell_parameter(exchange, "limit");
    uint64_t limit = LIST_DEFAULT;
    bool revealed = false;
    tell_begin(&letters->tell, exchange);
    if (asked.ptr && (!str_to_u64(asked, &limit) || !limit || limit > LETTERS_MAX))
        return tell_malformed(exchange, "limit is a number from 1 to 200");
    letters->to_us = INT64_MAX;
    letters->reason = tell_parameter(exchange, "reason");
    letters->topic = tell_parameter(exchange, "topic");
    if (!tell_time(exchange, "from", false, &letters->from_us) ||
        !tell_time(exchange, "to", true, &letters->to_us))
        return tell_malformed(exchange, WHEN_FORMS);
    StepNext next = reveal_asked(exchange, "letters", &revealed);
    letters->all = !caller || caller_may_for_all(caller, PERMISSION_REPLAY);
    letters->ask = (LettersAsk){.cursor = tell_parameter(exchange, "cursor"),
                                .limit = limit,
                                .masked = !revealed,
                                .fits = fits,
                                .from_us = letters->from_us,
                                .opaque = letters};
    audited_resource(exchange, STR("dlq"));
    return next;
}

static void add_text(Buf *out, const char *name, Str value)
{
    buf_add_format(out, ",\"%s\":", name);
    if (value.len)
        json_write_string(out, value);
    else
        buf_add(out, STR("null"));
}

static void add_number(Buf *out, const char *name, Str value)
{
    uint64_t number;
    buf_add_format(out, ",\"%s\":", name);
    if (str_to_u64(value, &number))
        buf_add_format(out, "%llu", (unsigned long long)number);
    else
        buf_add(out, STR("null"));
}

static void add_letter(Buf *out, const Letter *letter, const LetterSince *since, Arena *arena)
{
    buf_add_format(out, "{\"partition\":%d,\"offset\":%lld", (int)letter->partition,
                   (long long)letter->offset);
    add_text(out, "at", tell_time_text(letter->at_us, arena));
    add_text(out, "reason", letter->reason);
    add_text(out, "service", letter->service);
    add_text(out, "detail", letter->text);
    add_text(out, "topic", letter->topic);
    add_number(out, "topic_partition", letter->from_partition);
    add_number(out, "topic_offset", letter->from_offset);
    add_number(out, "deaths", letter->deaths);
    add_number(out, "attempts", letter->attempts);
    add_text(out, "tenant", letter->tenant);
    add_text(out, "interaction_id", letter->interaction);
    add_text(out, "replay_id", letter->replay);
    add_text(out, "state", since->state);
    add_text(out, "state_at", tell_time_text(since->state_us, arena));
    buf_add_format(out, ",\"bytes\":%llu}", (unsigned long long)letter->bytes);
}

static void write_page(Letters *letters, const LettersPage *page, const LetterSince *since,
                       Arena *arena)
{
    Buf *out = &letters->tell.text;
    buf_add(out, STR("{\"records\":["));
    for (size_t i = 0; i < page->count; i++) {
        buf_add(out, i ? STR(",\n") : STR("\n"));
        add_letter(out, page->list[i], &since[i], arena);
    }
    buf_add(out, STR("],\"next\":"));
    if (page->cursor.ptr)
        json_write_string(out, page->cursor);
    else
        buf_add(out, STR("null"));
    buf_add_format(out, ",\"masked\":%s", letters->ask.masked ? "true" : "false");
    if (letters->all && !letters->tell.base.exchange->tenant.len)
        buf_add_format(out, ",\"total\":%lld}", (long long)page->total);
    else
        buf_add(out, STR(",\"total\":null}"));
}

static bool run_letters(Question *base, Db *db, Arena *arena, Err *err)
{
    Letters *letters = (Letters *)base;
    LettersPage *page = arena_zero(arena, sizeof *page);
    LetterSince *since = ARENA_ARRAY(arena, LetterSince, LETTERS_MAX);
    if (!page || !since)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for a page of dlq");
    if (!letters_read(&base->exchange->ingest->config->bus, &letters->ask, arena, page, err)) {
        letters->malformed = strcmp(err->code, "letters-cursor") == 0;
        return letters->malformed;
    }
    TRY(letters_since(db, letters->tell.scope, page, arena, since, err));
    write_page(letters, page, since, arena);
    letters->tell.found = true;
    return true;
}

static StepNext tell_letters(Exchange *exchange, Question *base)
{
    const Letters *letters = (const Letters *)base;
    return letters->malformed ? tell_malformed(exchange, "cursor is `next` of a former page")
                              : tell_json(exchange, base);
}

StepNext step_dlq(Exchange *exchange)
{
    static const LookupStep step = {sizeof(Letters), run_letters, tell_clear, read_letters,
                                    tell_letters};
    return lookups_step(exchange->ingest->replay_asks, exchange, &step);
}
