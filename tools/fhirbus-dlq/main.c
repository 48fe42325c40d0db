/* fhirbus-dlq: lists what is on the dead-letter topic, and why. */
#include <stdio.h>
#include <string.h>

#include "common/audit/audit.h"
#include "common/base/clock.h"
#include "common/base/seen.h"
#include "common/base/when.h"
#include "common/bus/bus_options.h"
#include "common/config/config.h"
#include "common/fhir/datetime.h"
#include "common/json/write.h"

enum { POLL_MS = 200, QUIET_MS = 60000, LINE_BYTES_MAX = 65536, SUMS_MAX = 256 };

typedef struct ToolConfig {
    BusConfig bus;
} ToolConfig;

static const ConfigOption options[] = {BUS_OPTIONS(ToolConfig, bus), {0}};

static const char usage[] =
    "  list  [SELECTION] [--json]   a line for each record: when, reason, service that gave up,\n"
    "                               topic/partition/offset it was on, tenant, interaction, why\n"
    "  count [SELECTION]            how many, by reason and service\n"
    "     SELECTION: [--since TIME] [--until TIME] [--tenant T] [--reason R] [--service S]\n"
    "                [--id INTERACTION]\n"
    "Exit code: 0 done, 1 could not be read, 2 usage.\n";

/* What a record says of itself; texts are borrowed from the message. */
typedef struct Letter {
    int64_t at_us;
    Str reason, service, topic, partition, offset, tenant, interaction, document, replay, text,
        deaths, attempts;
} Letter;

typedef struct Selection {
    int64_t from_us, to_us;
    Str tenant, reason, service, interaction; /* ptr NULL: any */
    bool json;
} Selection;

typedef struct Sum {
    char reason[64], service[64];
    uint64_t count;
} Sum;

typedef struct Tool {
    Selection selection;
    bool counts;
    Sum sums[SUMS_MAX];
    size_t sum_count;
    uint64_t found;
    Seen seen;
} Tool;

/* --- one record ------------------------------------------------------------------------------- */

static Letter letter_of(const BusMessage *message)
{
    return (Letter){
        .at_us = message->timestamp_us,
        .reason = bus_message_header(message, "dlq-reason"),
        .service = bus_message_header(message, "dlq-service"),
        .topic = bus_message_header(message, "dlq-topic"),
        .partition = bus_message_header(message, "dlq-partition"),
        .offset = bus_message_header(message, "dlq-offset"),
        .tenant = bus_message_header(message, "tenant"),
        .interaction = bus_message_header(message, "interaction"),
        .document = bus_message_header(message, "document"),
        .replay = bus_message_header(message, "replay"),
        .text = bus_message_header(message, "dlq-text"),
        .deaths = bus_message_header(message, "dlq-deaths"),
        .attempts = bus_message_header(message, "dlq-attempts"),
    };
}

static bool fits_text(Str wanted, Str text)
{
    return !wanted.ptr || str_eq(wanted, text);
}

static bool fits(const Selection *s, const Letter *l)
{
    return l->at_us >= s->from_us && l->at_us < s->to_us && fits_text(s->tenant, l->tenant) &&
           fits_text(s->reason, l->reason) && fits_text(s->service, l->service) &&
           (!s->interaction.ptr || str_eq_ignore_case(s->interaction, l->interaction));
}

static void print_json(const Letter *l, const char *at)
{
    const struct {
        const char *name;
        Str value;
    } members[] = {
        {"at",          str_from(at)  },
        {"reason",      l->reason     },
        {"service",     l->service    },
        {"topic",       l->topic      },
        {"partition",   l->partition  },
        {"offset",      l->offset     },
        {"tenant",      l->tenant     },
        {"interaction", l->interaction},
        {"text",        l->text       },
        {"deaths",      l->deaths     },
        {"attempts",    l->attempts   },
    };
    BUF_AUTO line;
    buf_init(&line, LINE_BYTES_MAX);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        buf_add_format(&line, "%s\"%s\":", i ? "," : "{", members[i].name);
        json_write_string(&line, members[i].value.ptr ? members[i].value : STR(""));
    }
    printf("%.*s}\n", STR_ARG(buf_str(&line)));
}

/* A column that is never empty, so that columns can be counted. */
static Str column(Str text)
{
    return text.len ? text : STR("-");
}

static void print_line(const Letter *l, const char *at)
{
    printf("%s %.*s %.*s %.*s/%.*s/%.*s %.*s %.*s %.*s\n", at, STR_ARG(column(l->reason)),
           STR_ARG(column(l->service)), STR_ARG(column(l->topic)), STR_ARG(column(l->partition)),
           STR_ARG(column(l->offset)), STR_ARG(column(l->tenant)), STR_ARG(column(l->interaction)),
           STR_ARG(column(l->text)));
}

static void add_up(Tool *tool, const Letter *l)
{
    Sum own = {.count = 0};
    snprintf(own.reason, sizeof own.reason, "%.*s", STR_ARG(column(l->reason)));
    snprintf(own.service, sizeof own.service, "%.*s", STR_ARG(column(l->service)));
    size_t at = 0;
    while (at < tool->sum_count && (strcmp(tool->sums[at].reason, own.reason) != 0 ||
                                    strcmp(tool->sums[at].service, own.service) != 0))
        at++;
    if (at == SUMS_MAX)
        at--; /* so many reasons there are not */
    else if (at == tool->sum_count)
        tool->sums[tool->sum_count++] = own;
    tool->sums[at].count++;
}

/* Whoever dies between a letter and what follows from it leaves it to be written again: of the same
 * document on its way to the same destination, or else of the same record, for the same reason. */
static uint64_t hash_of(const Letter *l)
{
    bool named = l->document.len > 0;
    const Str parts[] = {l->topic,
                         named ? l->document : l->partition,
                         named ? l->replay : l->offset,
                         l->tenant,
                         l->service,
                         l->reason};
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        hash = (hash ^ str_hash(parts[i])) * 0x9e3779b97f4a7c15ULL;
    return hash;
}

static bool take(Tool *tool, const BusMessage *message, Err *err)
{
    char at[DATETIME_TEXT_MAX];
    const Letter letter = letter_of(message);
    bool new = true;
    if (!fits(&tool->selection, &letter))
        return true;
    if (letter.offset.len) /* else written by others, who say nothing of where it came from */
        TRY(seen_add(&tool->seen, hash_of(&letter), &new, err));
    if (!new)
        return true;
    tool->found++;
    if (tool->counts) {
        add_up(tool, &letter);
        return true;
    }
    DateTime when = datetime_from_epoch_ms(letter.at_us / 1000, 0);
    datetime_print(&when, at);
    if (tool->selection.json)
        print_json(&letter, at);
    else
        print_line(&letter, at);
    return true;
}

/* --- the topic -------------------------------------------------------------------------------- */

static bool read_all(Tool *tool, const BusConfig *bus, Err *err)
{
    BusReader *reader = NULL;
    const BusMessage *message;
    bool fine = true;
    TRY(bus_reader_new_from_start(bus, "dlq", QUIET_MS, &reader, err));
    int64_t heard_ms = clock_mono_ms();
    while (fine && !bus_reader_caught_up(reader)) {
        if (bus_reader_poll(reader, POLL_MS, &message)) {
            heard_ms = clock_mono_ms();
            fine = take(tool, message, err);
        } else if (clock_mono_ms() - heard_ms > QUIET_MS) {
            fine = ERR(err, ERR_RETRY, "bus-timeout", "dlq is silent before its end");
        }
    }
    bus_reader_free(reader);
    return fine;
}

/* --- words ------------------------------------------------------------------------------------ */

static bool read_value(Selection *s, const char *name, Str value)
{
    Str *const texts[] = {&s->tenant, &s->reason, &s->service, &s->interaction};
    static const char *const names[] = {"--tenant", "--reason", "--service", "--id"};
    if (strcmp(name, "--since") == 0)
        return when_parse(value, WHEN_FROM, &s->from_us);
    if (strcmp(name, "--until") == 0)
        return when_parse(value, WHEN_TO, &s->to_us);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *texts[i] = value;
            return true;
        }
    return false;
}

static bool read_words(Tool *tool, int count, char **list)
{
    if (count < 1 || (strcmp(list[0], "list") != 0 && strcmp(list[0], "count") != 0))
        return false;
    tool->counts = strcmp(list[0], "count") == 0;
    for (int i = 1; i < count; i++) {
        if (strcmp(list[i], "--json") == 0 && !tool->counts)
            tool->selection.json = true;
        else if (i + 1 < count && read_value(&tool->selection, list[i], str_from(list[i + 1])))
            i++;
        else
            return false;
    }
    return tool->selection.from_us < tool->selection.to_us;
}

static int conclude(const Tool *tool)
{
    for (size_t i = 0; i < tool->sum_count; i++)
        printf("%-20s %-16s %llu\n", tool->sums[i].reason, tool->sums[i].service,
               (unsigned long long)tool->sums[i].count);
    fprintf(stderr, "%llu records\n", (unsigned long long)tool->found);
    return 0;
}

/* Who looked, and for which tenant. */
static void tell_audit(const Tool *tool, const BusConfig *bus, const Err *failed)
{
    Err err = {0};
    AuditRecord act = audit_act_record("fhirbus-dlq", "R", tool->counts ? "count" : "list",
                                       STR("dlq"), audit_operator(NULL), failed);
    act.tenant = tool->selection.tenant;
    if (!audit_act(bus, &act, &err))
        fprintf(stderr, "fhirbus-dlq: not in the audit trail: %s\n", err.text);
}

int main(int argc, char **argv)
{
    static const ConfigProgram program = {
        .name = "fhirbus-dlq",
        .summary = "What could not be worked on or delivered, and why.",
        .usage = usage,
        .options = options,
    };
    static Tool tool = {
        .selection = {.from_us = WHEN_MIN_US, .to_us = WHEN_MAX_US}
    };
    ARENA_AUTO arena = arena_new(1 << 20);
    ToolConfig config = {0};
    Err err = {0};
    int next = 0;
    ConfigStart start = config_start(&program, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    if (!read_words(&tool, argc - next, argv + next)) {
        fprintf(stderr, "fhirbus-dlq: list or count\n%s", usage);
        return 2;
    }
    config.bus.client_id = "fhirbus-dlq";
    bool fine = read_all(&tool, &config.bus, &err);
    seen_clear(&tool.seen);
    tell_audit(&tool, &config.bus, fine ? NULL : &err);
    if (fine)
        return conclude(&tool);
    fprintf(stderr, "fhirbus-dlq: %s: %s\n", err.code, err.text);
    return 1;
}
