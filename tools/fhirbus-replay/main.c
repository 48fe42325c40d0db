/* fhirbus-replay: documents once more through today's validator, or on to the lake. */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/audit/audit.h"
#include "common/base/clock.h"
#include "common/bus/bus_options.h"
#include "common/config/config.h"
#include "common/db/db_options.h"
#include "common/envelope/uuid.h"
#include "common/replay/replay.h"

enum {
    PAGE_MAX = 200,
    PATIENCE_MS = 60000,
    JUDGED_PATIENCE_MS = 60000, /* without a single further verdict */
    TOLD_MAX = 1000,
    USAGE_BYTES = 4096,
    ARENA_MAX = 256 * 1024 * 1024
};

typedef struct ToolConfig {
    BusConfig bus;
    DbConfig db;
    VaultConfig vault;
} ToolConfig;

static const ConfigOption options[] = {BUS_OPTIONS(ToolConfig, bus),
                                       DB_OPTIONS(ToolConfig, db, "fhirbus_ingest"),
                                       VAULT_OPTIONS(ToolConfig, vault),
                                       {0}};

static const char usage_verbs[] =
    "  start SELECTION --to HOW-FAR [...]   replays, waits for the verdicts, reports what differs\n"
    "  resume ID      goes on with one that was interrupted\n"
    "  status ID      how far it is\n"
    "  report ID      how its verdicts differ from the ones before, issue by issue\n"
    "  cancel ID      no further page is published\n";
static const char usage_end[] =
    "exit: 0 done, 1 not possible, 2 wrong words, 3 interrupted (resume it)\n";

typedef struct Tool {
    const ToolConfig *config;
    Log *log;
    Db *db;
    Vault *vault;
    BusProducer *producer;
    Arena *arena;
    const char *usage;
    char name[80]; /* of this worker */
} Tool;

static atomic_bool interrupted;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&interrupted, true);
}

static int complain(const Err *err)
{
    fprintf(stderr, "fhirbus-replay: %s: %s\n", err->code, err->text);
    return 1;
}

/* --- working it off --------------------------------------------------------------------------- */

static void show_counts(const ReplayProgress *p)
{
    const struct {
        const char *name;
        int64_t value;
        bool always;
    } counts[] = {
        {"published",                     p->published,  true },
        {"superseded",                    p->superseded, true },
        {"accepted",                      p->accepted,   true },
        {"purged",                        p->purged,     true },
        {"skipped",                       p->skipped,    false},
        {"unreadable",                    p->unreadable, false},
        {"put back on their topics",      p->redriven,   false},
        {"past the topic's retention",    p->past,       false},
        {"of these taken from the store", p->from_store, false},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i].always || counts[i].value)
            printf("%s%s %lld", i ? ", " : "", counts[i].name, (long long)counts[i].value);
}

static void show(Str id, const ReplayProgress *p, int64_t began_ms, int64_t done_before)
{
    int64_t done = replay_looked_at(p);
    int64_t took_ms = clock_mono_ms() - began_ms, fresh = done - done_before;
    printf("%.*s %s (%s, to %s): %lld of %lld, ", STR_ARG(id), p->state, p->source, p->go_to,
           (long long)done, (long long)p->total);
    show_counts(p);
    if (fresh > 0 && done < p->total && strcmp(p->state, "running") == 0)
        printf(", %.0f/s, %lld s left", (double)fresh * 1000.0 / (double)(took_ms + 1),
               (long long)((p->total - done) * took_ms / fresh / 1000));
    putchar('\n');
    fflush(stdout);
}

/* So long that `rate` is kept from the beginning of this run on. */
static void keep_rate(const ReplayProgress *p, int64_t began_ms, int64_t published_before)
{
    if (p->rate <= 0)
        return;
    int64_t due_ms = began_ms + (p->published - published_before) * 1000 / p->rate;
    while (clock_mono_ms() < due_ms && !atomic_load(&interrupted))
        poll(NULL, 0, 50);
}

/* False: it cannot go on. Ends when it is done, cancelled or interrupted. */
static bool publish_all(Tool *tool, ReplayWorker *worker, Str id, ReplayProgress *p, Err *err)
{
    int64_t began_ms = clock_mono_ms(), shown_ms = 0, good_ms = began_ms, published = p->published;
    int64_t before = replay_looked_at(p);
    while (strcmp(p->state, "running") == 0 && !atomic_load(&interrupted)) {
        arena_reset(tool->arena);
        if (replay_step(worker, id, PAGE_MAX, tool->arena, p, err))
            good_ms = clock_mono_ms();
        else if (err->kind != ERR_RETRY || clock_mono_ms() - good_ms > PATIENCE_MS)
            return false;
        else
            poll(NULL, 0, 500);
        if (clock_mono_ms() - shown_ms >= 1000) {
            shown_ms = clock_mono_ms();
            show(id, p, began_ms, before);
        }
        keep_rate(p, began_ms, published);
    }
    show(id, p, began_ms, before);
    return true;
}

/* --- what came of it -------------------------------------------------------------------------- */

static void print_line(void *context, Str text)
{
    (void)context;
    printf("%.*s\n", STR_ARG(text));
}

static int tell_unknown(void)
{
    fprintf(stderr, "fhirbus-replay: there is no such replay\n");
    return 1;
}

static int report(Tool *tool, Str id)
{
    ReplayReport sums;
    ReplayProgress p = {0};
    bool found = false;
    Err err = {0};
    arena_reset(tool->arena);
    if (!replay_look(tool->db, id, tool->arena, &p, &found, &err))
        return complain(&err);
    if (!found)
        return tell_unknown();
    if (!replay_report(tool->db, id, TOLD_MAX, print_line, NULL, tool->arena, &sums, &err))
        return complain(&err);
    printf("judged again %lld, changed %lld: now invalid %lld, now valid %lld, other disposition "
           "%lld, issues added %lld, gone %lld; could not be judged %lld\n",
           (long long)sums.judged, (long long)sums.changed, (long long)sums.now_invalid,
           (long long)sums.now_valid, (long long)sums.other_action, (long long)sums.added,
           (long long)sums.gone, (long long)sums.failed);
    return 0;
}

/* Until each published document has its verdict, or none comes any more. */
static bool await_verdicts(Tool *tool, Str id, int64_t wanted, Err *err)
{
    int64_t judged = 0, moved_ms = clock_mono_ms(), shown_ms = moved_ms;
    while (!atomic_load(&interrupted)) {
        int64_t now;
        arena_reset(tool->arena);
        TRY(replay_judged(tool->db, id, tool->arena, &now, err));
        if (now > judged)
            moved_ms = clock_mono_ms();
        judged = now;
        if (judged >= wanted)
            return true;
        if (clock_mono_ms() - moved_ms > JUDGED_PATIENCE_MS) {
            printf("%lld of %lld have no verdict yet (lag of intake.bulk? dlq?)\n",
                   (long long)(wanted - judged), (long long)wanted);
            return true;
        }
        if (clock_mono_ms() - shown_ms >= 1000) {
            shown_ms = clock_mono_ms();
            printf("judged %lld of %lld\n", (long long)judged, (long long)wanted);
            fflush(stdout);
        }
        poll(NULL, 0, 200);
    }
    return true;
}

static int work(Tool *tool, Str id)
{
    Err err = {0};
    ReplayProgress p = {0};
    bool found = false;
    if (!replay_look(tool->db, id, tool->arena, &p, &found, &err))
        return complain(&err);
    if (!found)
        return tell_unknown();
    if (strcmp(p.state, "cancelled") == 0) {
        fprintf(stderr, "fhirbus-replay: it was cancelled: start another\n");
        return 1;
    }
    ReplayWorker *worker = replay_worker_new(tool->db, tool->producer, &tool->config->bus,
                                             str_from(tool->name), tool->vault);
    bool fine = publish_all(tool, worker, id, &p, &err);
    replay_worker_free(worker);
    if (!fine)
        return complain(&err);
    if (strcmp(p.state, "done") != 0)
        return strcmp(p.state, "running") == 0 ? 3 : 1;
    if (!await_verdicts(tool, id, p.published - p.redriven, &err))
        return complain(&err);
    return atomic_load(&interrupted) ? 3 : report(tool, id);
}

/* --- words ------------------------------------------------------------------------------------ */

/* NULL: fine; else what is wrong, with *ret_word. */
static const char *read_words(ReplayWords *words, int count, char **list, const char **ret_word)
{
    for (int i = 0; i < count; i++) {
        Str name = str_from(list[i]);
        *ret_word = list[i];
        if (!str_starts(name, STR("--")))
            return "is no word of start";
        name = str_skip(name, 2);
        bool flag = replay_word_is_flag(name);
        if (!flag && i + 1 == count)
            return "wants a value, or is not known";
        const char *wrong = replay_word(words, name, flag ? STR("") : str_from(list[++i]));
        if (wrong)
            return wrong;
    }
    *ret_word = "start";
    return replay_words_check(words);
}

static int dry_run(Tool *tool, Str id, const ReplayAsk *ask)
{
    ReplayProgress p;
    Err err = {0};
    ReplayWorker *worker = replay_worker_new(tool->db, tool->producer, &tool->config->bus,
                                             str_from(tool->name), tool->vault);
    bool fine = replay_dry_run(worker, id, ask, 0, tool->arena, &p, &err);
    replay_worker_free(worker);
    if (!fine)
        return complain(&err);
    printf("dry run (%s, to %s): would replay %lld of %lld; ", p.source, p.go_to,
           (long long)p.published, (long long)p.total);
    show_counts(&p);
    putchar('\n');
    return 0;
}

/* An act is in the trail before it goes on; where the brokers do not take it, it is said. */
static void audit(const Tool *tool, const char *action, const char *operation, Str id, int code)
{
    Err err = {0};
    AuditRecord act =
        audit_act_record("fhirbus-replay", action, operation, id, audit_operator(NULL), NULL);
    act.outcome = code == 0 ? AUDIT_SUCCESS : AUDIT_FAILED;
    if (!audit_act(&tool->config->bus, &act, &err))
        fprintf(stderr, "fhirbus-replay: not in the audit trail: %s\n", err.text);
}

static int start(Tool *tool, int count, char **list)
{
    ReplayWords *words = calloc(1, sizeof *words);
    Uuid made = uuid_v7();
    Str id = uuid_str(&made);
    Err err = {0};
    ReplayProgress p = {0};
    const char *word = NULL;
    if (!words)
        return 1;
    replay_words_init(words);
    words->ask.asked_by = STR("fhirbus-replay");
    const char *wrong = read_words(words, count, list, &word);
    if (wrong) {
        fprintf(stderr, "fhirbus-replay: %s: %s (--help lists the words)\n", word, wrong);
        free(words);
        return 2;
    }
    if (words->dry_run) {
        int code = dry_run(tool, id, &words->ask);
        free(words);
        return code;
    }
    bool asked = replay_ask(tool->db, &tool->config->bus, id, &words->ask, tool->arena, &p, &err);
    free(words);
    if (!asked)
        return complain(&err);
    printf("%.*s replays %lld %s of %s to %s\n", STR_ARG(id), (long long)p.total,
           strcmp(p.source, "store") == 0 ? "documents" : "records", p.source, p.go_to);
    fflush(stdout);
    audit(tool, "E", "start", id, 0);
    return work(tool, id);
}

static int status(Tool *tool, Str id)
{
    ReplayProgress p = {0};
    bool found = false;
    Err err = {0};
    if (!replay_look(tool->db, id, tool->arena, &p, &found, &err))
        return complain(&err);
    if (!found)
        return tell_unknown();
    show(id, &p, clock_mono_ms(), replay_looked_at(&p));
    return 0;
}

static int cancel(Tool *tool, Str id)
{
    bool found = false;
    Err err = {0};
    if (!replay_cancel(tool->db, id, tool->arena, &found, &err))
        return complain(&err);
    audit(tool, "D", "cancel", id, found ? 0 : 1);
    puts(found ? "cancelled" : "nothing to cancel: unknown, or done");
    return found ? 0 : 1;
}

static int run(Tool *tool, int count, char **words)
{
    const char *verb = count > 0 ? words[0] : "";
    Str id = count == 2 ? str_from(words[1]) : STR_NONE;
    if (strcmp(verb, "start") == 0)
        return start(tool, count - 1, words + 1);
    if (uuid_valid(id) && strcmp(verb, "resume") == 0)
        return audit(tool, "E", "resume", id, 0), work(tool, id);
    if (uuid_valid(id) && strcmp(verb, "status") == 0)
        return status(tool, id);
    if (uuid_valid(id) && strcmp(verb, "cancel") == 0)
        return cancel(tool, id);
    if (uuid_valid(id) && strcmp(verb, "report") == 0)
        return report(tool, id);
    if (count == 2 && !uuid_valid(id))
        fprintf(stderr, "fhirbus-replay: %s: an id of a replay is expected\n", words[1]);
    else
        fprintf(stderr, "fhirbus-replay: start, resume, status, report or cancel\n%s", tool->usage);
    return 2;
}

int main(int argc, char **argv)
{
    char usage[USAGE_BYTES];
    snprintf(usage, sizeof usage, "%s%s%s", usage_verbs, replay_words_help, usage_end);
    const ConfigProgram program = {
        .name = "fhirbus-replay",
        .summary = "Documents of the store, of a topic or of the dead letters, once more through "
                   "the pipeline.",
        .usage = usage,
        .options = options,
    };
    ARENA_AUTO arena = arena_new(1 << 20);
    ToolConfig config = {0};
    int next = 0, code = 1;
    Err err = {0};
    ConfigStart start_as = config_start(&program, argc, argv, arena, &config, &next);
    if (start_as != CONFIG_RUN)
        return start_as == CONFIG_DONE ? 0 : 2;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    config.bus.client_id = "fhirbus-replay";
    Tool tool = {.config = &config,
                 .log = log_new(STDERR_FILENO, "fhirbus-replay", LOG_WARN),
                 .arena = arena_new(ARENA_MAX),
                 .usage = usage};
    char host[50] = "";
    gethostname(host, sizeof host - 1);
    snprintf(tool.name, sizeof tool.name, "%s-%d", host, (int)getpid());
    const BusProducerOptions producer = {
        .message_timeout_ms = 30000, .own_thread = true, .bulk_linger_ms = 20};
    tool.db = db_new(&config.db, replay_statements, "fhirbus-replay", tool.log);
    config.bus.log = tool.log;
    if (vault_open(&config.vault, &config.db, false, tool.log, &tool.vault, &err) &&
        bus_producer_new(&config.bus, &producer, &tool.producer, &err))
        code = run(&tool, argc - next, argv + next);
    else
        complain(&err);
    bus_producer_free(tool.producer, 5000);
    vault_close(tool.vault);
    db_free(tool.db);
    log_free(tool.log);
    arena_free(tool.arena);
    return code;
}
