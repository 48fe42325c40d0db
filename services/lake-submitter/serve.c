/* The role deliver: keeps a thread for each destination in force that this process serves, and
 * knows what their topics are like. */
#include <pthread.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/bus/topics.h"
#include "common/destinations/topic.h"
#include "services/lake-submitter/deliver.h"

enum {
    AGAIN_MS = 2000,          /* a destination that could not be served is tried again */
    ASK_MS = 3000,            /* brokers about a topic */
    ASK_AGAIN_MS = 15000,     /* they did not know, or it is not as it should be */
    ASK_EVERY_MS = 10 * 60000 /* it may be changed */
};
#define HOUR_MS ((int64_t)3600000)

typedef struct Served {
    char name[DESTINATION_NAME_MAX + 1];
    struct Server *server;
    DeliverJob job;
    pthread_t thread;
    bool runs;
    atomic_bool ended;
    int code;
    int64_t not_before_ms;
    atomic_int partitions;
    int64_t ask_after_ms;
} Served;

typedef struct Server {
    Service *service;
    Served *served[DIRECTORY_MAX]; /* all that ever were: a hand each */
    size_t count;
} Server;

static void *serve_main(void *opaque)
{
    Served *served = opaque;
    pthread_setname_np(pthread_self(), "deliver");
    served->code = deliver_to(served->server->service, &served->job);
    counts_slot_ends(served->job.slot);
    served->ended = true;
    return NULL;
}

static Served *known(Server *server, const char *name)
{
    for (size_t i = 0; i < server->count; i++)
        if (strcmp(server->served[i]->name, name) == 0)
            return server->served[i];
    if (server->count == DIRECTORY_MAX)
        return NULL;
    Served *served = calloc(1, sizeof *served);
    if (!served)
        return NULL;
    snprintf(served->name, sizeof served->name, "%s", name);
    served->server = server;
    served->job = (DeliverJob){.name = served->name,
                               .hand = hand_new(server->service->supervisor),
                               .partitions = &served->partitions};
    server->served[server->count++] = served;
    return served;
}

static void start(Server *server, Served *served, int64_t now)
{
    if (served->runs || now < served->not_before_ms)
        return;
    served->job.slot = counts_slot(server->service->counts, served->name);
    served->ended = false;
    served->runs = pthread_create(&served->thread, NULL, serve_main, served) == 0;
    served->not_before_ms = now + AGAIN_MS;
}

static void start_wanted(Server *server)
{
    const SubmitterConfig *config = server->service->config;
    const DirectoryView *view = directory_acquire(server->service->directory);
    for (size_t i = 0; view && i < view->count; i++) {
        const Destination *d = view->all[i];
        bool ours = !config->destination || role_listed(config->destination, str_from(d->name));
        Served *served = ours && !d->paused && d->url.len ? known(server, d->name) : NULL;
        if (served)
            start(server, served, clock_mono_ms());
    }
    directory_release(server->service->directory, view);
}

static void join_ended(Server *server, bool all)
{
    for (size_t i = 0; i < server->count; i++) {
        Served *served = server->served[i];
        if (!served->runs || (!all && !served->ended))
            continue;
        pthread_join(served->thread, NULL);
        served->runs = false;
        if (served->code)
            server->service->quit = true; /* the supervisor starts us again */
    }
}

/* A destination that is down for a day shall cost nothing but lag: is the topic kept long enough?
 */
static void look_at_topic(const Server *server, Served *served, int64_t now)
{
    const SubmitterConfig *config = server->service->config;
    char topic[DESTINATION_TOPIC_MAX];
    int32_t partitions = 0;
    int64_t retention_ms = 0;
    Err err = {0};
    if (now < served->ask_after_ms)
        return;
    destination_topic_name(topic, str_from(served->name));
    served->ask_after_ms = now + ASK_AGAIN_MS;
    if (!bus_partition_count(&config->bus, topic, ASK_MS, &partitions, &err) ||
        !bus_topic_retention(&config->bus, topic, ASK_MS, &retention_ms, &err)) {
        log_warn(server->service->log, "destination.topic_unknown",
                 LOG_TEXT("destination", served->name), LOG_ERR(&err));
        return;
    }
    served->partitions = partitions;
    bool fine = retention_ms < 0 || retention_ms >= (int64_t)config->retention_min_h * HOUR_MS;
    served->ask_after_ms = now + (fine ? ASK_EVERY_MS : ASK_AGAIN_MS); /* mended? */
    counts_retention(served->job.slot, fine);
    if (!fine)
        log_error(server->service->log, "destination.retention_short",
                  LOG_TEXT("destination", served->name),
                  LOG_I64("retention_h", retention_ms / HOUR_MS),
                  LOG_U64("retention_min_h", config->retention_min_h));
}

int deliver_run(Service *service)
{
    Server server = {.service = service};
    int code = 0;
    while (role_await_directory(service)) {
        if (!submitter_has_role(service->config, "route")) /* which says it when it is open */
            supervisor_started(service->supervisor);
        start_wanted(&server);
        for (size_t i = 0; i < server.count && !role_stopping(service); i++)
            if (server.served[i]->runs)
                look_at_topic(&server, server.served[i], clock_mono_ms());
        join_ended(&server, false);
        nanosleep(&(struct timespec){.tv_nsec = ROLE_POLL_MS * 1000000L}, NULL);
    }
    join_ended(&server, true);
    for (size_t i = 0; i < server.count; i++) {
        code |= server.served[i]->code;
        free(server.served[i]);
    }
    return code;
}
