#include "tools/fhirbus-rules/try.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fhir/datetime.h"
#include "common/rules/book.h"
#include "common/ruling/outcome_text.h"
#include "common/ruling/ruling.h"
#include "common/transform/transform.h"
#include "services/validator/judge.h"
#include "tools/fhirbus-rules/diff.h"
#include "tools/fhirbus-rules/files.h"

enum { FILES_MAX = 64, DOCUMENT_BYTES_MAX = 256 << 20, ENVIRONMENT_MAX = 4096 };
#define MEMORY_BYTES_MAX ((size_t)8 << 30)

const char try_usage[] =
    "  try --rules F... --bundle F   what rules make of a bundle, without sending anything\n"
    "      --image F                 judge it by these definitions (fhir-validate compile); else\n"
    "                                only JSON and shape are checked\n"
    "      --outcome F               no engine: this OperationOutcome is what it said\n"
    "      --tenant T                whose bundle it is\n"
    "      --destination D           where it would go; default lake\n"
    "      --severity L              the sender's X-TechBD-Validation-Severity-Level\n"
    "      --at TIME                 as if it were then: 2026-07-01T00:00:00Z\n"
    "      --no-default              without the built-in rules\n"
    "      --body F                  write what would be sent there\n";

typedef struct Trial {
    const char *rules[FILES_MAX];
    size_t rule_count;
    const char *bundle, *outcome, *image, *tenant, *destination, *severity, *at, *body;
    bool no_default;
    /* made of them */
    Arena *arena;
    Buf bundle_text, outcome_text;
    Catalog *catalog;
    const CatalogView *view;
    RuleSet *defaults;
    RuleBook book;
    int64_t now_us;
    Log *log;
    Images *images; /* texts of the verdict lie in it */
} Trial;

static bool complain(const char *about, const Err *err)
{
    fprintf(stderr, "fhirbus-rules: %s: %s: %s\n", about, err->code, err->text);
    return false;
}

/* --- arguments --------------------------------------------------------------------------------
 */
static const char **place_of(Trial *trial, const char *name)
{
    const struct {
        const char *name;
        const char **place;
    } known[] = {
        {"--bundle",      &trial->bundle     },
        {"--outcome",     &trial->outcome    },
        {"--image",       &trial->image      },
        {"--tenant",      &trial->tenant     },
        {"--destination", &trial->destination},
        {"--severity",    &trial->severity   },
        {"--at",          &trial->at         },
        {"--body",        &trial->body       },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].place;
    return NULL;
}

static bool usage_error(const char *what, const char *name)
{
    fprintf(stderr, "fhirbus-rules: %s %s\n%s", what, name, try_usage);
    return false;
}

static bool read_time(Trial *trial)
{
    DateTime at;
    trial->now_us = judge_now_us();
    if (!trial->at)
        return true;
    if (!datetime_parse_fhir(DATETIME_DATE_TIME, str_from(trial->at), &at, NULL) ||
        at.precision < DATETIME_DAY)
        return usage_error("no time:", trial->at);
    trial->now_us = datetime_epoch_seconds(&at) * 1000000 + at.nanosecond / 1000;
    return true;
}

static bool read_arguments(Trial *trial, int count, char **arguments)
{
    for (int i = 0; i < count; i++) {
        const char **place = place_of(trial, arguments[i]);
        bool rules = strcmp(arguments[i], "--rules") == 0;
        if (strcmp(arguments[i], "--no-default") == 0) {
            trial->no_default = true;
        } else if (!place && !rules) {
            return usage_error("unknown argument", arguments[i]);
        } else if (i + 1 == count) {
            return usage_error("a value is missing after", arguments[i]);
        } else if (place) {
            *place = arguments[++i];
        } else if (trial->rule_count == FILES_MAX) {
            return usage_error("too many", "--rules");
        } else {
            trial->rules[trial->rule_count++] = arguments[++i];
        }
    }
    if (!trial->bundle)
        return usage_error("needed:", "--bundle");
    if (trial->severity && transform_severity(str_from(trial->severity)) < 0)
        return usage_error("information, warning, error or fatal, not", trial->severity);
    return read_time(trial);
}

/* --- rules ------------------------------------------------------------------------------------
 */
static bool take_rules(Trial *trial, const char *path)
{
    BUF_AUTO text, object;
    RuleSet *set = NULL;
    Err err = {0};
    buf_init(&object, OBJECT_BYTES_MAX + 1);
    buf_init(&text, 1);
    if (!file_read(path, RULES_FILE_BYTES_MAX, &text) ||
        !rules_file_check(path, buf_str(&text), &set))
        return false;
    Str id = arena_format(trial->arena, "rules/%.*s", STR_ARG(set->name));
    const ObjectDraft draft = {
        .id = id, .version = 1, .published_us = trial->now_us, .data = buf_str(&text)};
    bool concerned = set->tenants.count == 0 || rules_listed(set->tenants, str_from(trial->tenant));
    if (!concerned)
        fprintf(stderr, "fhirbus-rules: %s is for other tenants than \"%s\" (--tenant)\n", path,
                trial->tenant ? trial->tenant : "");
    rules_free(set);
    return (object_write(&draft, &object, &err) &&
            catalog_apply(trial->catalog, id, buf_str(&object), &err)) ||
           complain(path, &err);
}

static bool open_rules(Trial *trial)
{
    const CatalogOptions options = {.kinds = &rules_catalog_kind, .kind_count = 1};
    Err err = {0};
    if (!catalog_open_detached(&options, &trial->catalog, &err) ||
        (!trial->no_default && !rules_read_default(&trial->defaults, &err)))
        return complain("rules", &err);
    for (size_t i = 0; i < trial->rule_count; i++)
        if (!take_rules(trial, trial->rules[i]))
            return false;
    trial->view = catalog_acquire(trial->catalog);
    return rule_book(trial->view, trial->defaults, str_from(trial->tenant), trial->arena,
                     &trial->book, &err) ||
           complain("rules", &err);
}

/* --- what the engine says ---------------------------------------------------------------------
 */
/* The validator's settings: its defaults, and what the environment says of them. */
static bool read_settings(Trial *trial, ValidatorConfig *ret_config, Err *err)
{
    const char *environment[ENVIRONMENT_MAX + 2] = {"KAFKA_BROKERS=none"};
    size_t count = 1;
    for (char **entry = environ; *entry && count <= ENVIRONMENT_MAX; entry++)
        if (strncmp(*entry, "KAFKA_", 6) != 0)
            environment[count++] = *entry;
    const ConfigSource source = {.environment = environment};
    return config_read(validator_options, &source, trial->arena, ret_config, err);
}

static bool ask_engine(Trial *trial, Validated *ret_validated)
{
    ValidatorConfig config = {0};
    Err err = {0};
    const Envelope envelope = {.interaction_id = STR("00000000-0000-0000-0000-000000000000"),
                               .tenant = str_from(trial->tenant),
                               .route = ROUTE_BUNDLE,
                               .payload = buf_str(&trial->bundle_text)};
    if (!read_settings(trial, &config, &err))
        return complain("settings", &err);
    trial->log = log_new(STDERR_FILENO, "fhirbus-rules", LOG_ERROR);
    const char *list = trial->image ? trial->image : config.images;
    if (!images_open(list, trial->log, &trial->images, &err))
        return complain(list ? list : "engine", &err);
    const Judge by = {&config, trial->images, &trial->book, trial->now_us};
    bool fine = judge(&by, &envelope, trial->arena, ret_validated, &err);
    return fine || complain(trial->bundle, &err);
}

static bool take_outcome(Trial *trial, Validated *ret_validated)
{
    Err err = {0};
    Validated validated = {.bundle = buf_str(&trial->bundle_text),
                           .envelope = {.tenant = str_from(trial->tenant)}};
    if (!outcome_read(buf_str(&trial->outcome_text), trial->arena, &validated.outcome, &err))
        return complain(trial->outcome, &err);
    if (!ruling_apply(&trial->book, trial->now_us, trial->arena, &validated, &err))
        return complain(trial->bundle, &err);
    *ret_validated = validated;
    return true;
}

/* --- what comes of it -------------------------------------------------------------------------
 */
static void print_counts(const Outcome *outcome)
{
    printf("%u errors, %u warnings, %u information", outcome->errors, outcome->warnings,
           outcome->information);
}

static void print_diagnostics(const Validated *validated)
{
    const Outcome *told = &validated->outcome;
    printf("diagnostics: ");
    print_counts(told);
    if (validated->has_engine_outcome) {
        printf(" (the engine: ");
        print_counts(&validated->engine_outcome);
        putchar(')');
    }
    putchar('\n');
    for (uint32_t i = 0; i < told->issue_count; i++) {
        const OutcomeIssue *issue = &told->issues[i];
        printf("  %.*s %.*s", STR_ARG(issue->severity),
               STR_ARG(issue->location.len ? issue->location : STR("-")));
        if (issue->message_id.len)
            printf(" [%.*s]", STR_ARG(issue->message_id));
        printf(" %.*s\n", STR_ARG(issue->text));
    }
}

static void print_changes(const Validated *validated)
{
    if (validated->rule_change_count)
        puts("by rules:");
    for (uint32_t i = 0; i < validated->rule_change_count; i++) {
        const RuleChange *change = &validated->rule_changes[i];
        printf("  %.*s by %.*s", STR_ARG(change->what), STR_ARG(change->rule));
        if (change->issue)
            printf(", issue %u", change->issue);
        if (change->before.len)
            printf(": %.*s", STR_ARG(change->before));
        if (change->after.len)
            printf("%s%.*s", change->before.len ? " -> " : ": ", STR_ARG(change->after));
        putchar('\n');
    }
}

static void print_steps(Str json, Arena *arena)
{
    JsonDoc doc;
    Err ignored = {0};
    if (!json.len || !json_read(json, NULL, NULL, arena, &doc, NULL, &ignored))
        return;
    JSON_EACH(&doc, step, json_root(&doc))
    {
        Str places = json_text(json_get(&doc, step, "places"));
        printf("  %.*s, step %.*s %.*s: %.*s place%s\n", STR_ARG(json_get_text(&doc, step, "rule")),
               STR_ARG(json_text(json_get(&doc, step, "step"))),
               STR_ARG(json_get_text(&doc, step, "op")), STR_ARG(places),
               str_is(places, "1") ? "" : "s");
    }
}

static bool write_body(const Trial *trial, Str body)
{
    FILE *file = trial->body ? fopen(trial->body, "we") : NULL;
    if (!trial->body)
        return true;
    bool fine = file && fwrite(body.ptr, 1, body.len, file) == body.len;
    if (file && fclose(file) != 0)
        fine = false;
    if (!fine)
        perror(trial->body);
    return fine;
}

static bool send_it(Trial *trial, const Validated *validated)
{
    Transformed made;
    Err err = {0};
    Str destination = trial->destination ? str_from(trial->destination) : STR("lake");
    const TransformInput input = {
        .book = &trial->book,
        .bundle = validated->bundle,
        .outcome = &validated->outcome,
        .disposition = &validated->disposition,
        .tenant = str_from(trial->tenant),
        .destination = destination,
        .severity_level = trial->severity ? str_from(trial->severity) : STR("error"),
        .now_us = trial->now_us,
    };
    if (validated->disposition.action == ACTION_DISCARD) {
        puts("not sent");
        return true;
    }
    if (!transform_apply(&input, trial->arena, &made, &err)) {
        printf("not sent: %s: %s\n", err.code, err.text);
        return false;
    }
    printf("sent to %.*s:\n", STR_ARG(destination));
    print_steps(made.steps_json, trial->arena);
    puts(str_eq(validated->bundle, made.body) ? "difference: none" : "difference:");
    return (str_eq(validated->bundle, made.body) ||
            diff_print(validated->bundle, made.body, trial->arena, &err) ||
            complain(trial->bundle, &err)) &&
           write_body(trial, made.body);
}

static bool run(Trial *trial)
{
    Validated validated = {0};
    if (!open_rules(trial) || !file_read(trial->bundle, DOCUMENT_BYTES_MAX, &trial->bundle_text) ||
        (trial->outcome && !file_read(trial->outcome, DOCUMENT_BYTES_MAX, &trial->outcome_text)))
        return false;
    if (trial->outcome ? !take_outcome(trial, &validated) : !ask_engine(trial, &validated))
        return false;
    printf("rules: %.*s\n", STR_ARG(validated.rules_version));
    printf("disposition: %s\n", action_name(validated.disposition.action));
    print_diagnostics(&validated);
    print_changes(&validated);
    return send_it(trial, &validated);
}

int try_run(int count, char **arguments)
{
    Trial trial = {.arena = arena_new(MEMORY_BYTES_MAX)};
    if (!trial.arena || !read_arguments(&trial, count, arguments)) {
        arena_free(trial.arena);
        return 2;
    }
    buf_init(&trial.bundle_text, 1);
    buf_init(&trial.outcome_text, 1);
    bool fine = run(&trial);
    if (trial.view)
        catalog_release(trial.catalog, trial.view);
    catalog_close(trial.catalog);
    rules_free(trial.defaults);
    images_close(trial.images);
    log_free(trial.log);
    buf_clear(&trial.bundle_text);
    buf_clear(&trial.outcome_text);
    arena_free(trial.arena);
    return fine ? 0 : 1;
}
