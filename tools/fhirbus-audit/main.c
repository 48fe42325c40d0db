/* fhirbus-audit: is the trail whole? what does it say? */
#include <stdio.h>
#include <string.h>

#include "common/audit/audit.h"
#include "common/base/when.h"
#include "common/bus/bus_options.h"
#include "common/config/config.h"
#include "common/db/db_options.h"
#include "tools/fhirbus-audit/audit.h"

enum { ARENA_BYTES = 256 * 1024 * 1024 };

#define OPT(...) CONFIG_OPTION(ToolConfig, __VA_ARGS__)
static const ConfigOption options[] = {
    BUS_OPTIONS(ToolConfig, bus),
    DB_OPTIONS(ToolConfig, db, "fhirbus_ingest"),
    OPT("ORDERING_KEY_SECRET", CONFIG_SECRET, ordering_key_secret, NULL,
        "that of ingest: for --patient, which is kept as an HMAC alone"),
    {0},
};

static const char usage[] =
    "  verify [--against FILE] [--topic]   goes over every chain, record by record; exit 1 and "
    "the\n"
    "                         first break of each: partition, sequence, what. --against: heads "
    "that\n"
    "                         were kept outside (by `head`) must still be in their chains;\n"
    "                         --topic: what the topic holds must have been kept, as it is there\n"
    "  head [--json]          partition, sequence, offset, hash of each chain: to be kept outside\n"
    "  list [FILTERS] [--json|--fhir]   newest first, a line each; --fhir: AuditEvents, NDJSON\n"
    "     FILTERS: [--since TIME] [--until TIME] [--tenant T] [--caller C] [--address A]\n"
    "              [--action C|R|U|D|E] [--outcome 0|4|8] [--resource ID] [--patient ID]\n"
    "              [--limit N]\n"
    "Exit code: 0 done, 1 the trail is not whole, 2 wrong use, 3 it could not be read.\n";

int complain(const Err *err)
{
    fprintf(stderr, "fhirbus-audit: %s: %s\n", err->code, err->text);
    return 3;
}

/* --- words ------------------------------------------------------------------------------------ */

static bool read_value(Tool *tool, const char *word, Str value)
{
    AuditSearch *s = &tool->search;
    const struct {
        const char *word;
        Str *to;
    } texts[] = {
        {"--tenant",   &s->tenant  },
        {"--caller",   &s->caller  },
        {"--address",  &s->address },
        {"--action",   &s->action  },
        {"--resource", &s->resource},
        {"--patient",  &s->patient },
    };
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(word, texts[i].word) == 0) {
            *texts[i].to = value;
            return value.len > 0;
        }
    if (strcmp(word, "--since") == 0)
        return when_parse(value, WHEN_FROM, &s->from_us);
    if (strcmp(word, "--until") == 0)
        return when_parse(value, WHEN_TO, &s->to_us);
    if (strcmp(word, "--limit") == 0)
        return str_to_u64(value, &tool->limit) && tool->limit > 0;
    if (strcmp(word, "--outcome") == 0 && str_to_u64(value, &number) && number <= 12) {
        s->outcome = (int32_t)number;
        return true;
    }
    if (strcmp(word, "--against") == 0) {
        tool->against = value.ptr;
        return true;
    }
    return false;
}

static bool read_words(Tool *tool, int count, char **words)
{
    const struct {
        const char *word;
        bool *to;
    } flags[] = {
        {"--json",  &tool->json },
        {"--fhir",  &tool->fhir },
        {"--topic", &tool->topic}
    };
    for (int i = 0; i < count; i++) {
        size_t f = 0;
        while (f < sizeof flags / sizeof flags[0] && strcmp(words[i], flags[f].word) != 0)
            f++;
        if (f < sizeof flags / sizeof flags[0])
            *flags[f].to = true;
        else if (i + 1 == count || !read_value(tool, words[i], str_from(words[i + 1])))
            return fprintf(stderr, "fhirbus-audit: %s: not understood\n", words[i]), false;
        else
            i++;
    }
    return true;
}

/* Who read the trail is part of the trail. */
static void tell(const Tool *tool, const char *operation, int code)
{
    Err err = {0};
    AuditRecord act =
        audit_act_record("fhirbus-audit", "R", operation, STR("audit"), audit_operator(NULL), NULL);
    act.outcome = code == 0 ? AUDIT_SUCCESS : AUDIT_FAILED;
    if (!audit_act(&tool->config.bus, &act, &err))
        fprintf(stderr, "fhirbus-audit: not in the trail: %s\n", err.text);
}

static const struct {
    const char *name;
    int (*run)(Tool *tool);
} verbs[] = {
    {"verify", verify},
    {"head",   heads },
    {"list",   list  }
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

/* VERB --help, before anything is needed of brokers or database. */
static bool explain(int argc, char **argv)
{
    for (size_t i = 0; argc > 2 && i < VERB_COUNT; i++)
        if (strcmp(argv[1], verbs[i].name) == 0 && strcmp(argv[argc - 1], "--help") == 0) {
            fputs(usage, stdout);
            return true;
        }
    return false;
}

static int run(Tool *tool, int count, char **words)
{
    for (size_t i = 0; count > 0 && i < VERB_COUNT; i++)
        if (strcmp(words[0], verbs[i].name) == 0 && read_words(tool, count - 1, words + 1)) {
            int code = verbs[i].run(tool);
            tell(tool, verbs[i].name, code);
            return code;
        }
    fprintf(stderr, "fhirbus-audit: verify, head or list\n%s", usage);
    return 2;
}

int main(int argc, char **argv)
{
    static const ConfigProgram program = {
        .name = "fhirbus-audit",
        .summary = "The audit trail: shows that it is whole, lists it, prints its heads.",
        .usage = usage,
        .options = options,
    };
    static const DbStatement *const statements[] = {&audit_search_all,
                                                    &audit_search_caller,
                                                    &audit_search_resource,
                                                    &audit_search_patient,
                                                    &chain_heads,
                                                    &chain_anchors,
                                                    &chain_rows,
                                                    NULL};
    ARENA_AUTO arena = arena_new(1 << 20);
    Tool tool = {
        .search = {.outcome = -1, .from_us = WHEN_MIN_US, .to_us = WHEN_MAX_US}
    };
    int next = 0;
    if (explain(argc, argv))
        return 0;
    ConfigStart start = config_start(&program, argc, argv, arena, &tool.config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    tool.config.bus.client_id = "fhirbus-audit";
    tool.arena = arena_new(ARENA_BYTES);
    tool.log = log_new(2, "fhirbus-audit", LOG_WARN);
    tool.db = db_new(&tool.config.db, statements, "fhirbus-audit", tool.log);
    int code = tool.arena && tool.db ? run(&tool, argc - next, argv + next) : 3;
    db_free(tool.db);
    arena_free(tool.arena);
    log_free(tool.log);
    return code;
}
