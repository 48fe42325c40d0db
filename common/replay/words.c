#include "common/base/when.h"
#include "common/envelope/states.h"
#include "common/envelope/uuid.h"
#include "common/replay/replay.h"

const char replay_words_help[] =
    "  SELECTION, what is asked for together must all hold:\n"
    "    --tenant T  --since TIME  --until TIME  --state STATE  --id UUID (may be repeated)\n"
    "    --from-topic intake|intake.bulk [--offsets O]   records of that topic, as they came; "
    "what\n"
    "        retention has deleted there is taken from the store\n"
    "    --from-dlq [--offsets O]   dead letters, once their cause is mended: the documents that "
    "they\n"
    "        are about; letters that are no documents go back to their topic\n"
    "    O: PARTITION:FROM-TO by comma, both included; 3:100-  3:-200  3 (all of it)  100-200 (of "
    "each)\n"
    "  HOW FAR: --to validate   judged with today's image and rules; the difference is reported, "
    "and\n"
    "               nothing but the replay's own record is kept\n"
    "           --to store      the new verdict is kept beside the old one\n"
    "           --to submit     and sent on, unless the lake has accepted it\n"
    "  --resubmit            with --to submit: even what the lake has accepted\n"
    "  --include-superseded  also what a newer version of the document has superseded\n"
    "  --rate N              documents a second; --dry-run  says how many, and does nothing\n";

typedef enum WordKind { W_TEXT, W_FROM, W_TO, W_ID, W_RATE, W_FLAG } WordKind;
typedef struct Word {
    const char *name;
    WordKind kind;
    size_t offset;      /* in ReplayWords; of texts and flags */
    const char *one_of; /* by "|"; NULL: anything */
    const char *wrong;
} Word;

#define ASK(field) offsetof(ReplayWords, ask.field)
/* clang-format off */
static const Word table[] = {
    {"tenant",             W_TEXT, ASK(tenant),                    NULL, "tenant is empty"},
    {"since",              W_FROM, 0,                              NULL, "since is no time. " WHEN_FORMS},
    {"until",              W_TO,   0,                              NULL, "until is no time. " WHEN_FORMS},
    {"state",              W_TEXT, ASK(of_state),    INTERACTION_STATES, "state is none of " INTERACTION_STATES},
    {"id",                 W_ID,   0,                              NULL, "id is no UUID, or there are too many"},
    {"from-topic",         W_TEXT, ASK(from_topic), "intake|intake.bulk", "from-topic is intake or intake.bulk"},
    {"from-dlq",           W_FLAG, ASK(from_dlq),                  NULL, "from-dlq stands alone"},
    {"offsets",            W_TEXT, ASK(offsets),                   NULL, "offsets are empty"},
    {"to",                 W_TEXT, ASK(go_to),   "validate|store|submit", "to is validate, store or submit"},
    {"include-superseded", W_FLAG, ASK(include_superseded),        NULL, "include-superseded stands alone"},
    {"resubmit",           W_FLAG, ASK(resubmit),                  NULL, "resubmit stands alone"},
    {"rate",               W_RATE, 0,                              NULL, "rate is a number from 0 to 1000000"},
    {"dry-run",            W_FLAG, offsetof(ReplayWords, dry_run), NULL, "dry-run stands alone"},
};
/* clang-format on */
enum { WORDS = sizeof table / sizeof table[0] };

static const Word *word_find(Str name)
{
    for (size_t i = 0; i < WORDS; i++)
        if (str_is(name, table[i].name))
            return &table[i];
    return NULL;
}

bool replay_word_is_known(Str name)
{
    return word_find(name) != NULL;
}

const char *replay_word_name(size_t i)
{
    return i < WORDS ? table[i].name : NULL;
}

bool replay_word_is_flag(Str name)
{
    const Word *word = word_find(name);
    return word && word->kind == W_FLAG;
}

void replay_words_init(ReplayWords *words)
{
    words->ask = (ReplayAsk){.from_us = WHEN_MIN_US, .to_us = WHEN_MAX_US, .ids = words->ids};
    words->dry_run = false;
}

static bool is_one_of(Str value, const char *list)
{
    Str rest = str_from(list), one;
    while (str_split(&rest, '|', &one))
        if (str_eq(one, value))
            return true;
    return false;
}

static bool set_text(ReplayWords *words, const Word *word, Str value)
{
    Str *to = (Str *)(void *)((char *)words + word->offset);
    *to = value;
    return value.len > 0 && (!word->one_of || is_one_of(value, word->one_of));
}

static bool set_flag(ReplayWords *words, const Word *word, Str value)
{
    bool *to = (bool *)((char *)words + word->offset);
    *to = !str_is(value, "false");
    return value.len == 0 || str_is(value, "true") || str_is(value, "false");
}

static bool set_word(ReplayWords *words, const Word *word, Str value)
{
    ReplayAsk *ask = &words->ask;
    uint64_t rate;
    switch (word->kind) {
    case W_TEXT:
        return set_text(words, word, value);
    case W_FLAG:
        return set_flag(words, word, value);
    case W_FROM:
        return when_parse(value, WHEN_FROM, &ask->from_us);
    case W_TO:
        return when_parse(value, WHEN_TO, &ask->to_us);
    case W_ID:
        if (!uuid_valid(value) || ask->id_count == REPLAY_IDS_MAX)
            return false;
        words->ids[ask->id_count++] = value;
        return true;
    case W_RATE:
        if (!str_to_u64(value, &rate) || rate > 1000000)
            return false;
        ask->rate = (uint32_t)rate;
        return true;
    }
    return false;
}

const char *replay_word(ReplayWords *words, Str name, Str value)
{
    const Word *word = word_find(name);
    if (!word)
        return "that word is not known";
    return set_word(words, word, value) ? NULL : word->wrong;
}

const char *replay_words_check(const ReplayWords *words)
{
    const ReplayAsk *ask = &words->ask;
    bool selected = ask->tenant.len || ask->of_state.len || ask->id_count || ask->from_topic.len ||
                    ask->from_dlq || ask->from_us != WHEN_MIN_US || ask->to_us != WHEN_MAX_US;
    if (!ask->go_to.len)
        return "to is missing: validate, store or submit";
    if (!selected)
        return "a selection is missing: tenant, since, until, state, id, from-topic or from-dlq";
    if (ask->from_us >= ask->to_us)
        return "since must be before until";
    if (ask->from_topic.len && ask->from_dlq)
        return "from-topic and from-dlq exclude each other";
    if (ask->offsets.len && !ask->from_topic.len && !ask->from_dlq)
        return "offsets are those of from-topic or from-dlq";
    if (ask->resubmit && !str_is(ask->go_to, "submit"))
        return "resubmit goes with to submit only";
    return NULL;
}
