/* fhirbus-replay: documents of the store, once more through today's validator, or to the lake. */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/when.h"
#include "common/bus/bus_options.h"
#include "common/config/config.h"
#include "common/db/db_options.h"
#include "common/envelope/uuid.h"
#include "common/replay/replay.h"

enum { IDS_MAX = 1000, PAGE_MAX = 200, PATIENCE_MS = 60000, ARENA_MAX = 256 * 1024 * 1024 };

typedef struct ToolConfig {
    BusConfig bus;
    DbConfig db;
} ToolConfig;

static const ConfigOption options[] = {
    BUS_OPTIONS(ToolConfig, bus), DB_OPTIONS(ToolConfig, db, "fhirbus_ingest"), {0}};

static const char usage[] =
    "  start SELECTION --to validate|store|submit [--include-superseded] [--resubmit]\n"
    "        [--rate N] [--dry-run]    replays what is selected; N documents a second\n"
    "     SELECTION: [--tenant T] [--since TIME] [--until TIME] [--state STATE] [--id UUID]...\n"
    "     validate, store: a new verdict beside the old one, nothing is sent\n"
    "     submit: and then to the lake, unless the lake has it (--resubmit: even then)\n"
    "  resume ID      goes on with one that was interrupted\n"
    "  status ID      how far it is\n"
    "  report ID      how its verdicts differ from the ones before\n"
    "  cancel ID      no further page is published\n"
    "exit: 0 done, 1 not possible, 2 wrong words, 3 interrupted (resume it)\n";

static const DbStatement report_sum = {
    "replay-report",
    "SELECT count(*), count(*) FILTER (WHERE valid_before AND NOT valid_after),"
    " count(*) FILTER (WHERE NOT valid_before AND valid_after),"
    " count(*) FILTER (WHERE action_before <> action_after),"
    " coalesce(sum(issues_added), 0)::bigint, coalesce(sum(issues_gone), 0)::bigint,"
    " count(*) FILTER (WHERE issues_added > 0 OR issues_gone > 0)"
    " FROM fhirbus.replay_difference WHERE replay_id = $1"};
static const DbStatement report_list = {
    "replay-report-list",
    "SELECT interaction_id::text, tenant, valid_before, valid_after, action_before, action_after,"
    " issues_added, issues_gone FROM fhirbus.replay_difference WHERE replay_id = $1"
    " AND (valid_before <> valid_after OR action_before <> action_after OR issues_added > 0"
    " OR issues_gone > 0) ORDER BY interaction_id LIMIT 1000"};
static const DbStatement *const statements[] = {
    &replay_insert, &replay_count, &replay_take, &replay_page, &replay_move,
    &replay_read,   &replay_stop,  &report_sum,  &report_list, NULL};

typedef struct Tool {
    const ToolConfig *config;
    Log *log;
    Db *db;
    BusProducer *producer;
    Arena *arena;
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

static void show(Str id, const ReplayProgress *p, int64_t began_ms, int64_t done_before)
{
    int64_t done = p->published + p->superseded + p->accepted + p->purged;
    int64_t took_ms = clock_mono_ms() - began_ms, fresh = done - done_before;
    printf("%.*s %s: %lld of %lld, published %lld, superseded %lld, accepted %lld, purged %lld",
           STR_ARG(id), p->state, (long long)done, (long long)p->total, (long long)p->published,
           (long long)p->superseded, (long long)p->accepted, (long long)p->purged);
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

static size_t page_of(const ReplayProgress *p)
{
    return p->rate > 0 && p->rate < PAGE_MAX ? (size_t)p->rate : PAGE_MAX;
}

static int work(Tool *tool, Str id)
{
    char worker[80], host[50] = "";
    Err err = {0};
    ReplayProgress p = {0};
    bool found = false;
    gethostname(host, sizeof host - 1);
    snprintf(worker, sizeof worker, "%s-%d", host, (int)getpid());
    if (!replay_look(tool->db, id, tool->arena, &p, &found, &err))
        return complain(&err);
    if (!found) {
        fprintf(stderr, "fhirbus-replay: there is no such replay\n");
        return 1;
    }
    int64_t began_ms = clock_mono_ms(), shown_ms = 0, good_ms = began_ms, published = p.published;
    int64_t before = p.published + p.superseded + p.accepted + p.purged;
    while (strcmp(p.state, "running") == 0 && !atomic_load(&interrupted)) {
        arena_reset(tool->arena);
        if (replay_step(tool->db, tool->producer, id, str_from(worker), page_of(&p), tool->arena,
                        &p, &err)) {
            good_ms = clock_mono_ms();
        } else if (err.kind != ERR_RETRY || clock_mono_ms() - good_ms > PATIENCE_MS) {
            return complain(&err);
        } else {
            poll(NULL, 0, 500);
        }
        if (clock_mono_ms() - shown_ms >= 1000) {
            shown_ms = clock_mono_ms();
            show(id, &p, began_ms, before);
        }
        keep_rate(&p, began_ms, published);
    }
    show(id, &p, began_ms, before);
    return strcmp(p.state, "done") == 0 ? 0 : strcmp(p.state, "running") == 0 ? 3 : 1;
}

/* --- words ------------------------------------------------------------------------------------ */

typedef struct Words {
    ReplayAsk ask;
    Str ids[IDS_MAX];
    bool dry_run;
} Words;

static bool read_value(Words *words, const char *name, Str value)
{
    ReplayAsk *ask = &words->ask;
    uint64_t rate = 0;
    if (strcmp(name, "--tenant") == 0)
        ask->tenant = value;
    else if (strcmp(name, "--since") == 0)
        return when_parse(value, WHEN_FROM, &ask->from_us);
    else if (strcmp(name, "--until") == 0)
        return when_parse(value, WHEN_TO, &ask->to_us);
    else if (strcmp(name, "--state") == 0)
        ask->of_state = value;
    else if (strcmp(name, "--to") == 0)
        ask->go_to = value;
    else if (strcmp(name, "--id") == 0 && uuid_valid(value) && ask->id_count < IDS_MAX)
        words->ids[ask->id_count++] = value;
    else if (strcmp(name, "--rate") == 0 && str_to_u64(value, &rate) && rate <= 1000000)
        ask->rate = (uint32_t)rate;
    else
        return false;
    return true;
}

static bool read_words(Words *words, int count, char **list)
{
    ReplayAsk *ask = &words->ask;
    for (int i = 0; i < count; i++) {
        if (strcmp(list[i], "--include-superseded") == 0)
            ask->include_superseded = true;
        else if (strcmp(list[i], "--resubmit") == 0)
            ask->resubmit = true;
        else if (strcmp(list[i], "--dry-run") == 0)
            words->dry_run = true;
        else if (i + 1 < count && read_value(words, list[i], str_from(list[i + 1])))
            i++;
        else
            return false;
    }
    bool selected = ask->tenant.len || ask->of_state.len || ask->id_count ||
                    ask->from_us != WHEN_MIN_US || ask->to_us != WHEN_MAX_US;
    return selected && ask->from_us < ask->to_us &&
           (str_is(ask->go_to, "validate") || str_is(ask->go_to, "store") ||
            str_is(ask->go_to, "submit"));
}

static int start(Tool *tool, int count, char **list)
{
    Words *words = calloc(1, sizeof *words);
    Uuid made = uuid_v7();
    Str id = uuid_str(&made);
    Err err = {0};
    ReplayProgress p = {0};
    if (!words)
        return 1;
    words->ask = (ReplayAsk){.from_us = WHEN_MIN_US,
                             .to_us = WHEN_MAX_US,
                             .ids = words->ids,
                             .asked_by = STR("fhirbus-replay")};
    if (!read_words(words, count, list)) {
        fprintf(stderr, "fhirbus-replay: start wants --to and a selection. " WHEN_FORMS "\n%s",
                usage);
        free(words);
        return 2;
    }
    bool dry = words->dry_run;
    bool asked = dry ? replay_dry_run(tool->db, id, &words->ask, tool->arena, &p, &err)
                     : replay_ask(tool->db, id, &words->ask, tool->arena, &p, &err);
    free(words);
    if (!asked)
        return complain(&err);
    printf("%.*s %s %lld documents, of them superseded %lld, accepted %lld, purged %lld\n",
           STR_ARG(id), dry ? "would replay" : "replays", (long long)p.total,
           (long long)p.superseded, (long long)p.accepted, (long long)p.purged);
    return dry ? 0 : work(tool, id);
}

static int status(Tool *tool, Str id)
{
    ReplayProgress p = {0};
    bool found = false;
    Err err = {0};
    if (!replay_look(tool->db, id, tool->arena, &p, &found, &err))
        return complain(&err);
    if (found)
        show(id, &p, clock_mono_ms(), p.total);
    return found ? 0 : 1;
}

static int cancel(Tool *tool, Str id)
{
    bool found = false;
    Err err = {0};
    if (!replay_cancel(tool->db, id, tool->arena, &found, &err))
        return complain(&err);
    puts(found ? "cancelled" : "nothing to cancel: unknown, or done");
    return found ? 0 : 1;
}

static void print_difference(const DbResult *result, size_t i)
{
    printf("%.*s %.*s: %s -> %s, %.*s -> %.*s, issues +%lld -%lld\n",
           STR_ARG(db_get_text(result, i, 0)), STR_ARG(db_get_text(result, i, 1)),
           db_get_bool(result, i, 2) ? "valid" : "invalid",
           db_get_bool(result, i, 3) ? "valid" : "invalid", STR_ARG(db_get_text(result, i, 4)),
           STR_ARG(db_get_text(result, i, 5)), (long long)db_get_int(result, i, 6),
           (long long)db_get_int(result, i, 7));
}

static int report(Tool *tool, Str id)
{
    DbParams params;
    DbResult *sum = NULL, *list = NULL;
    Err err = {0};
    db_params_init(&params, tool->arena);
    db_uuid(&params, id);
    if (!db_run(tool->db, &report_sum, &params, &sum, &err) ||
        !db_run(tool->db, &report_list, &params, &list, &err)) {
        db_result_free(sum);
        return complain(&err);
    }
    for (size_t i = 0; i < db_rows(list); i++)
        print_difference(list, i);
    printf("judged again %lld, changed %lld: now invalid %lld, now valid %lld, other disposition "
           "%lld, issues added %lld, gone %lld\n",
           (long long)db_get_int(sum, 0, 0), (long long)db_get_int(sum, 0, 6),
           (long long)db_get_int(sum, 0, 1), (long long)db_get_int(sum, 0, 2),
           (long long)db_get_int(sum, 0, 3), (long long)db_get_int(sum, 0, 4),
           (long long)db_get_int(sum, 0, 5));
    db_result_free(sum);
    db_result_free(list);
    return 0;
}

static int run(Tool *tool, int count, char **words)
{
    const char *verb = count > 0 ? words[0] : "";
    Str id = count == 2 ? str_from(words[1]) : STR_NONE;
    if (strcmp(verb, "start") == 0)
        return start(tool, count - 1, words + 1);
    if (uuid_valid(id) && strcmp(verb, "resume") == 0)
        return work(tool, id);
    if (uuid_valid(id) && strcmp(verb, "status") == 0)
        return status(tool, id);
    if (uuid_valid(id) && strcmp(verb, "cancel") == 0)
        return cancel(tool, id);
    if (uuid_valid(id) && strcmp(verb, "report") == 0)
        return report(tool, id);
    fprintf(stderr, "fhirbus-replay: start, resume, status, report or cancel\n%s", usage);
    return 2;
}

int main(int argc, char **argv)
{
    static const ConfigProgram program = {
        .name = "fhirbus-replay",
        .summary = "Documents of the store, once more through the pipeline.",
        .usage = usage,
        .options = options,
    };
    Arena *arena = arena_new(1 << 20);
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
                 .arena = arena_new(ARENA_MAX)};
    const BusProducerOptions producer = {
        .message_timeout_ms = 30000, .own_thread = true, .bulk_linger_ms = 20};
    tool.db = db_new(&config.db, statements, "fhirbus-replay", tool.log);
    config.bus.log = tool.log;
    if (bus_producer_new(&config.bus, &producer, &tool.producer, &err))
        code = run(&tool, argc - next, argv + next);
    else
        complain(&err);
    bus_producer_free(tool.producer, 5000);
    db_free(tool.db);
    log_free(tool.log);
    arena_free(tool.arena);
    arena_free(arena);
    return code;
}
