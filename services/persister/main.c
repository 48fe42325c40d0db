/* fhirbus-persister: settings -> dependencies -> work -> drain. */
#include <unistd.h>

#include "common/base/clock.h"
#include "common/http/ops_server.h"
#include "services/persister/worker.h"

/* The loop turns many times a second; a dead letter may hold it for ten. */
#define STALLED_MS 60000
#define OPS_LISTEN_BYTES 280

typedef struct Program {
    const Settings *settings;
    const Log *log;
} Program;

typedef struct Ops {
    const Worker *worker;
    Metrics *metrics;
} Ops;

static bool is_healthy(void *context)
{
    const Ops *ops = context;
    return clock_mono_ms() - worker_status(ops->worker).beat_at_ms < STALLED_MS;
}

static bool is_ready(void *context, Buf *why)
{
    const Ops *ops = context;
    WorkerStatus status = worker_status(ops->worker);
    if (!status.broker)
        buf_add(why, STR("no assignment from the broker\n"));
    if (!status.database)
        buf_add(why, STR("not connected to the database\n"));
    return worker_keys_fit(ops->worker, why) && status.broker && status.database;
}

static void write_metrics(void *context, Buf *to)
{
    const Ops *ops = context;
    if (!metrics_render(ops->metrics, to))
        buf_reset(to);
}

static bool work(const Program *program, Supervisor *supervisor, Metrics *metrics, Err *err)
{
    Counts counts;
    Worker *worker = NULL;
    OpsServer *ops_server = NULL;
    counts_init(&counts, metrics);
    TRY(worker_new(program->settings, &counts, program->log, supervisor, &worker, err));
    Ops ops = {.worker = worker, .metrics = metrics};
    OpsCallbacks callbacks = {
        .healthy = is_healthy, .ready = is_ready, .metrics = write_metrics, .context = &ops};
    char listen[OPS_LISTEN_BYTES];
    const char *bind = program->settings->ops_bind;
    snprintf(listen, sizeof listen, strchr(bind, ':') ? "[%s]:%llu" : "%s:%llu", bind,
             (unsigned long long)program->settings->ops_port);
    bool worked = ops_server_start(str_from(listen), &callbacks, &ops_server, err);
    if (worked) {
        supervisor_started(supervisor);
        log_info(program->log, "service.started", LOG_TEXT("version", FHIRBUS_VERSION),
                 LOG_U64("ops_port", ops_server_port(ops_server)));
        worked = worker_run(worker, err);
    }
    ops_server_stop(ops_server);
    worker_free(worker);
    return worked;
}

static int child(void *opaque, Supervisor *supervisor)
{
    const Program *program = opaque;
    Err err = {0};
    Metrics *metrics = metrics_new();
    bool worked = work(program, supervisor, metrics, &err);
    metrics_free(metrics);
    if (!worked)
        log_error(program->log, "service.failed", LOG_ERR(&err));
    log_info(program->log, "service.ended");
    return worked ? 0 : 1;
}

int main(int argc, char **argv)
{
    ARENA_AUTO arena = arena_new((size_t)16 << 20);
    Settings settings = {0};
    ConfigStart start = config_start(&persister_program, argc, argv, arena, &settings, NULL);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    Log *log = log_new(STDERR_FILENO, "persister", (LogLevel)settings.log_level);
    settings.bus.client_id = "fhirbus-persister";
    settings.bus.log = log;
    Program program = {.settings = &settings, .log = log};
    SupervisorOptions options = {.hang_limit_ms = (uint32_t)settings.hang_limit_ms,
                                 .drain_limit_ms = (uint32_t)settings.drain_limit_ms,
                                 .log = log,
                                 .child = child,
                                 .opaque = &program};
    Supervisor *alone = settings.no_supervisor ? supervisor_alone() : NULL;
    int code = alone ? child(&program, alone) : supervisor_run(&options);
    supervisor_alone_free(alone);
    log_free(log);
    return code;
}
