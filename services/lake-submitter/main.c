/* fhirbus-lake-submitter: wiring only. */
#include <pthread.h>
#include <unistd.h>

#include "common/transform/transform.h"
#include "services/lake-submitter/role.h"

typedef struct Thread {
    Service *service;
    int (*run)(Service *service);
    int code;
    bool runs;
    pthread_t id;
} Thread;

static void *run_role(void *opaque)
{
    Thread *thread = opaque;
    thread->code = thread->run(thread->service);
    thread->service->quit = true; /* the others end with it */
    return NULL;
}

static int child(void *opaque, Supervisor *supervisor)
{
    Service *service = opaque;
    Err err = {0};
    Thread threads[] = {
        {.service = service, .run = route_run  },
        {.service = service, .run = deliver_run}
    };
    int code = 0;
    service->supervisor = supervisor;
    if (!counts_start(service->config, &service->counts, &err) ||
        !directory_open(service->config, &service->directory, &err)) {
        log_error(service->log, "worker.not_started", LOG_ERR(&err));
        return 1;
    }
    threads[0].runs = submitter_has_role(service->config, "route");
    threads[1].runs = submitter_has_role(service->config, "deliver");
    for (int i = 0; i < 2; i++)
        if (threads[i].runs && pthread_create(&threads[i].id, NULL, run_role, &threads[i])) {
            threads[i].runs = false;
            service->quit = true;
            code = 1;
        }
    log_info(service->log, "worker.started", LOG_TEXT("roles", service->config->roles));
    for (int i = 0; i < 2; i++)
        if (threads[i].runs) {
            pthread_join(threads[i].id, NULL);
            code |= threads[i].code;
        }
    directory_close(service->directory);
    counts_stop(service->counts);
    log_info(service->log, "worker.stopped", LOG_I64("code", code));
    return code;
}

static int run_alone(Service *service)
{
    Supervisor *alone = supervisor_alone();
    int code = alone ? child(service, alone) : 1;
    supervisor_alone_free(alone);
    return code;
}

/* What the table cannot say about a single option. */
static const char *complaint(const SubmitterConfig *config)
{
    if (!submitter_has_role(config, "route") && !submitter_has_role(config, "deliver"))
        return "ROLE: route, deliver or both";
    if (transform_severity(str_from(config->severity_level)) < 0)
        return "SEVERITY_LEVEL: information, warning, error or fatal";
    return NULL;
}

int main(int argc, char **argv)
{
    static const ConfigProgram about = {
        .name = "fhirbus-lake-submitter",
        .summary =
            "Takes verdicts from validated and submits what is fit to go on to the data lake.",
        .options = submitter_options,
    };
    ARENA_AUTO arena = arena_new(1 << 20);
    SubmitterConfig config = {0};
    int next = 0;
    ConfigStart start = config_start(&about, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : SUPERVISOR_REFUSED;
    if (complaint(&config)) {
        fprintf(stderr, "fhirbus-lake-submitter: %s\n", complaint(&config));
        return SUPERVISOR_REFUSED;
    }
    Log *log = log_new(STDERR_FILENO, "lake-submitter", (LogLevel)config.log_level);
    config.bus.client_id = "fhirbus-lake-submitter";
    config.bus.log = log;
    Service service = {.config = &config, .log = log};
    const SupervisorOptions options = {
        .hang_limit_ms = (uint32_t)config.hang_limit_ms,
        .drain_limit_ms = (uint32_t)config.drain_ms,
        .log = log,
        .child = child,
        .opaque = &service,
    };
    int code = config.no_supervisor ? run_alone(&service) : supervisor_run(&options);
    log_free(log);
    return code;
}
