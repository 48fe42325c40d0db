#include "services/ingest/diagnostics/letter_text.h"

#include "common/envelope/envelope.h"
#include "services/ingest/diagnostics/veil.h"

typedef struct Document {
    Str bytes;
    bool is_json;
} Document;

static bool of_envelope(Str value, Arena *arena, Document *ret, Err *err)
{
    Envelope e;
    TRY(envelope_decode(value, arena, &e, err));
    *ret = (Document){e.payload, str_find(e.content_type, STR("json")) != SIZE_MAX};
    return true;
}

/* Whoever reads verdicts and submissions knows nothing of what a bundle was before. */
static bool of_validated(Str value, Arena *arena, Document *ret, Err *err)
{
    Validated v;
    TRY(validated_decode(value, arena, &v, err));
    *ret = (Document){v.bundle, true};
    return true;
}

static bool of_submission(Str value, Arena *arena, Document *ret, Err *err)
{
    Submission s;
    TRY(submission_decode(value, arena, &s, err));
    *ret = (Document){s.body, true};
    return true;
}

static bool find_document(const BusMessage *letter, Arena *arena, Document *ret)
{
    Str topic = bus_message_header(letter, "dlq-topic");
    Err unreadable = {0};
    bool found = false;
    if (str_is(topic, "intake") || str_is(topic, "intake.bulk"))
        found = of_envelope(letter->value, arena, ret, &unreadable);
    else if (str_is(topic, "validated"))
        found = of_validated(letter->value, arena, ret, &unreadable);
    else if (str_starts(topic, STR("submit.")))
        found = of_submission(letter->value, arena, ret, &unreadable);
    return found && ret->bytes.len;
}

Str letter_text(const BusMessage *letter, Arena *arena)
{
    Str text = bus_message_header(letter, "dlq-text");
    ArenaMark mark = arena_mark(arena);
    Veil *veil = veil_new(arena);
    Document document;
    BUF_AUTO veiled;
    if (!text.len || !veil)
        return STR_NONE;
    buf_init(&veiled, text.len + 1);
    bool found = find_document(letter, arena, &document);
    if (found)
        veil_learn(veil, document.bytes, document.is_json);
    veil_ready(veil, found);
    veil_add(veil, &veiled, text);
    arena_release(arena, mark);
    return arena_copy(arena, buf_str(&veiled));
}
