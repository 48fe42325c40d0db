/* fhirbus-ingest: HTTP in -> topic out, verdict back. Wiring only. */
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/audit/search.h"
#include "common/auth/auth.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/http/listen.h"
#include "common/http/ops_server.h"
#include "common/limits/addresses.h"
#include "common/replay/replay.h"
#include "services/ingest/answers.h"
#include "services/ingest/audited.h"
#include "services/ingest/await.h"
#include "services/ingest/certificates.h"
#include "services/ingest/claim.h"
#include "services/ingest/counts.h"
#include "services/ingest/diagnostics/grid.h"
#include "services/ingest/diagnostics/guides.h"
#include "services/ingest/diagnostics/lake.h"
#include "services/ingest/diagnostics/letters_since.h"
#include "services/ingest/diagnostics/overview.h"
#include "services/ingest/diagnostics/payload.h"
#include "services/ingest/diagnostics/place.h"
#include "services/ingest/diagnostics/replaying.h"
#include "services/ingest/diagnostics/scope.h"
#include "services/ingest/diagnostics/story.h"
#include "services/ingest/diagnostics/tail.h"
#include "services/ingest/diagnostics/trying.h"
#include "services/ingest/events.h"
#include "services/ingest/gateway.h"
#include "services/ingest/leasing.h"
#include "services/ingest/limit_counts.h"
#include "services/ingest/lookups.h"
#include "services/ingest/published.h"
#include "services/ingest/read/failed.h"
#include "services/ingest/read/search.h"
#include "services/ingest/read/status.h"
#include "services/ingest/read/verdict.h"
#include "services/ingest/replays.h"
#include "services/ingest/serve.h"
#include "services/ingest/sessions/sessions.h"
#include "services/ingest/tenants.h"
#include "services/ingest/token.h"

enum { AUDIT_FLUSH_MS = 5000, ASK_THREADS = 2 };
enum { ENVELOPE_ROOM = 65536 }; /* what a record holds beside a body: metadata, headers, key */

static const ConfigProgram program = {
    .name = "fhirbus-ingest",
    .summary = "Takes FHIR bundles over HTTPS, publishes them, answers with the diagnostics.",
    .options = ingest_options,
};

static const DbStatement *const statements[] = {&claim_take, &claim_recall, NULL};
static const DbStatement *const ask_statements[] = {&status_rows, &assertion_take, NULL};
static const DbStatement *const read_statements[] = {&search_all,
                                                     &search_tenant,
                                                     &search_bundle,
                                                     &search_patient,
                                                     &failed_rows,
                                                     &verdict_latest,
                                                     &audit_search_all,
                                                     &audit_search_caller,
                                                     &audit_search_resource,
                                                     &audit_search_patient,
                                                     &scope_set,
                                                     &grid_rows,
                                                     &grid_total,
                                                     &grid_changed,
                                                     &grid_newest,
                                                     &grid_reach,
                                                     &overview_sums,
                                                     &overview_menus,
                                                     &place_rows,
                                                     &story_row,
                                                     &story_text,
                                                     &story_packed,
                                                     &story_engine,
                                                     &payload_original,
                                                     &payload_bundle,
                                                     &replaying_list,
                                                     &guides_used,
                                                     &lake_rows,
                                                     &trying_rows,
                                                     NULL};

/* Those of replays, and what is asked by the same right; on one connection. */
static const DbStatement *const *replaying_statements(void)
{
    enum { ROOM = 40 };
    static const DbStatement *list[ROOM];
    size_t count = 0;
    while (count < ROOM - 3 && replay_statements[count]) {
        list[count] = replay_statements[count];
        count++;
    }
    CHECK(!replay_statements[count]);
    list[count++] = &scope_set;
    list[count] = &letters_since_rows;
    return list;
}

/* --- the private port ------------------------------------------------------------------------- */

static bool ops_healthy(void *context)
{
    const Ingest *ingest = context;
    return !bus_producer_fatal(ingest->producer);
}

static bool ops_ready(void *context, Buf *why)
{
    const Ingest *ingest = context;
    if (atomic_load(&ingest->draining))
        buf_add(why, STR("draining\n"));
    if (!atomic_load(&ingest->ready))
        buf_add(why, STR("the response topic is not read yet\n"));
    else if (!bus_producer_connected(ingest->producer))
        buf_add(why, STR("no broker can be reached\n"));
    vault_wrong(ingest->vault, why);
    if (!ingest->anonymous_allowed && !auth_ready(ingest->auth))
        buf_add(why, STR("callers are not read yet\n"));
    return why->len == 0;
}

static void ops_metrics(void *context, Buf *to)
{
    const Ingest *ingest = context;
    (void)!metrics_render(ingest->metrics, to); /* the Buf itself says when it overflows */
}

/* --- start ------------------------------------------------------------------------------------ */

static Str join_address(Arena *arena, const char *host, uint64_t port)
{
    bool v6 = strchr(host, ':') && host[0] != '[';
    return arena_format(arena, v6 ? "[%s]:%llu" : "%s:%llu", host, (unsigned long long)port);
}

static Str instance_name(const IngestConfig *config, Arena *arena)
{
    char host[200] = "ingest";
    if (config->instance_id)
        return str_from(config->instance_id);
    gethostname(host, sizeof host - 1);
    return arena_format(arena, "%s-%d", host, (int)getpid());
}

static bool check_config(const IngestConfig *config, Str listen, Err *err)
{
    if (!config->tls_cert_file && !config->plain_http)
        return ERR(err, ERR_FATAL, "config-missing",
                   "TLS_CERT_FILE and TLS_KEY_FILE are needed (or PLAIN_HTTP=1)");
    if (!listen_is_loopback(listen) && !config->ordering_key_secret)
        return ERR(err, ERR_FATAL, "config-missing",
                   "ORDERING_KEY_SECRET is needed to serve others than loopback");
    if (config->plain_http && config->client_ca_file)
        return ERR(err, ERR_FATAL, "config-value", "CLIENT_CA_FILE needs TLS, not PLAIN_HTTP");
    /* Else what fits the limit would be refused by the producer, whenever it comes. */
    if (config->body_max_bytes + ENVELOPE_ROOM > config->bus.message_max_bytes)
        return ERR(err, ERR_FATAL, "config-value",
                   "KAFKA_MESSAGE_MAX_BYTES must be %d more than BODY_MAX_BYTES or larger",
                   ENVELOPE_ROOM);
    return sessions_check(&config->sessions, err);
}

/* On loopback nobody need be known, until somebody can be. */
static bool allows_anonymous(const IngestConfig *config, Str listen)
{
    bool knows = config->client_ca_file || config->credential_key || config->signing_keys;
    return config->allow_anonymous || (listen_is_loopback(listen) && !knows);
}

static bool start_bus(Ingest *ingest, BusConfig *bus, Err *err)
{
    const IngestConfig *config = ingest->config;
    bus->client_id = "fhirbus-ingest";
    bus->log = ingest->log;
    BusProducerOptions options = {
        .message_timeout_ms = (uint32_t)config->publish_timeout_ms,
        .bulk_linger_ms = (uint32_t)config->bulk_linger_ms,
        .in_flight_limit_bytes = (size_t)config->in_flight_mib << 20,
        .own_thread = true,
        .reports_can_wait = true, /* an answer says as much; answers.c looks for failures */
    };
    TRY(bus_producer_new(bus, &options, &ingest->producer, err));
    TRY(audited_start(ingest, bus, err));
    ingest->await = await_new(ingest->log);
    if (config->events)
        ingest->events = events_new(ingest);
    return answers_start(ingest, &ingest->answers, err);
}

static bool start_http(Ingest *ingest, Str listen, Err *err)
{
    const IngestConfig *c = ingest->config;
    HttpServerOptions options = {
        .listen = listen,
        .cert_file = c->plain_http ? NULL : c->tls_cert_file,
        .key_file = c->plain_http ? NULL : c->tls_key_file,
        .tls_priorities = c->tls_priorities,
        .ticket_key_file = c->tls_ticket_key_file,
        .ask_certificate = c->client_ca_file != NULL,
        .client_ca_file = c->client_ca_file,
        .threads = (uint32_t)c->http_threads,
        .connections_max = (uint32_t)c->connections_max,
        .connections_per_address = (uint32_t)c->connections_per_address,
        .body_max_bytes = c->body_max_bytes,
        .buffered_max_bytes = c->buffered_max_bytes,
        .fields_max = (uint32_t)c->fields_max,
        .field_bytes_max = c->field_bytes_max,
        .idle_ms = (uint32_t)c->idle_ms,
        .header_ms = (uint32_t)c->header_ms,
        .body_ms = (uint32_t)c->body_ms,
        .body_rate_min = (uint32_t)c->body_rate_min,
        .body_grace_ms = (uint32_t)c->body_grace_ms,
        .send_ms = (uint32_t)c->send_ms,
        .body_headroom = INGEST_HEADROOM,
        .proxy_from = c->proxy_from,
        .proxy_ms = (uint32_t)c->proxy_ms,
        .proxy_trouble = gateway_proxy_trouble,
        .proxy_context = ingest,
    };
    HttpHandler handler = serve_handler(ingest);
    TRY(http_server_start(&options, &handler, &ingest->server, err));
    return c->plain_http || certificates_start(ingest, &ingest->certificates, err);
}

static bool start_all(Ingest *ingest, BusConfig *bus, Str listen, Err *err)
{
    TRY(check_config(ingest->config, listen, err));
    TRY(start_bus(ingest, bus, err));
    TRY(published_open(ingest, bus, err));
    const IngestConfig *c = ingest->config;
    const LookupsOptions claims = {.statements = statements,
                                   .threads = c->claim_threads,
                                   .timeout_ms = c->claim_timeout_ms,
                                   .connect_timeout_ms = c->claim_timeout_ms};
    /* These cannot go on without: they wait for a slow database a little longer. */
    const LookupsOptions asks = {.statements = ask_statements,
                                 .threads = ASK_THREADS,
                                 .timeout_ms = c->read_connect_timeout_ms,
                                 .connect_timeout_ms = c->read_connect_timeout_ms};
    const LookupsOptions reads = {.statements = read_statements,
                                  .threads = c->read_threads,
                                  .timeout_ms = c->read_timeout_ms,
                                  .connect_timeout_ms = c->read_connect_timeout_ms,
                                  .may_be_large = true};
    const LookupsOptions replays = {.statements = replaying_statements(),
                                    .threads = 1,
                                    .timeout_ms = c->read_timeout_ms,
                                    .connect_timeout_ms = c->read_connect_timeout_ms,
                                    .may_be_large = true};
    const LookupsOptions changes = {.threads = 1, .timeout_ms = c->publish_timeout_ms};
    TRY(vault_open(&c->vault, &c->db, false, ingest->log, &ingest->vault, err));
    ingest->lookups = lookups_start(ingest, &claims, err);
    ingest->asks = ingest->lookups ? lookups_start(ingest, &asks, err) : NULL;
    ingest->reads = ingest->asks ? lookups_start(ingest, &reads, err) : NULL;
    ingest->replay_asks = ingest->reads ? lookups_start(ingest, &replays, err) : NULL;
    ingest->changes = ingest->replay_asks ? lookups_start(ingest, &changes, err) : NULL;
    if (!ingest->changes)
        return false;
    ingest->replays = replays_start(ingest, err);
    if (!ingest->replays)
        return false;
    ingest->tail = tail_start(ingest, err);
    if (!ingest->tail)
        return false;
    TRY(sessions_start(ingest, &ingest->sessions, err));
    ingest->leasing = leasing_start(ingest, err);
    if (!ingest->leasing)
        return false;
    return start_http(ingest, listen, err);
}

/* --- drain ------------------------------------------------------------------------------------ */

/* No new connections; who is inside gets its answer, at the limit a 202 or 503. */
static void drain(Ingest *ingest)
{
    int64_t until_ms = clock_mono_ms() + (int64_t)ingest->config->drain_ms;
    log_info(ingest->log, "ingest.drains",
             LOG_U64("requests", http_server_requests_open(ingest->server)));
    atomic_store(&ingest->draining, true);
    http_server_drain(ingest->server);
    while (http_server_requests_open(ingest->server) && clock_mono_ms() < until_ms)
        poll(NULL, 0, 20);
    await_sweep(ingest->await, INT64_MAX);
    for (int i = 0; i < 25 && http_server_requests_open(ingest->server); i++)
        poll(NULL, 0, 20);
}

static void stop_all(Ingest *ingest, OpsServer *ops)
{
    if (ingest->server)
        drain(ingest);
    ops_server_stop(ops); /* its callbacks look at what is about to go */
    certificates_stop(ingest->certificates);
    http_server_stop(ingest->server);
    ingest->server = NULL;
    leasing_stop(ingest->leasing);
    lookups_stop(ingest->lookups);
    lookups_stop(ingest->asks);
    lookups_stop(ingest->reads);
    lookups_stop(ingest->replay_asks);
    lookups_stop(ingest->changes);
    replays_stop(ingest->replays);
    tail_stop(ingest->tail);
    sessions_stop(ingest->sessions);
    vault_close(ingest->vault);
    answers_stop(ingest->answers); /* it publishes events */
    events_free(ingest->events);
    bus_producer_free(ingest->producer, 2000);
    audit_close(ingest->audit, AUDIT_FLUSH_MS);
    published_close(ingest);
    await_free(ingest->await);
    tenants_free(ingest->tenants);
    addresses_free(ingest->addresses);
    addresses_free(ingest->anonymous);
    limit_counts_free(ingest->limit_counts);
    counts_free(ingest->counters);
    metrics_free(ingest->metrics);
    log_info(ingest->log, "ingest.stopped");
    log_free(ingest->log);
}

static int open_signals(void)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    CHECK(sigprocmask(SIG_BLOCK, &wanted, NULL) == 0); /* before any thread is made */
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &wanted, SFD_CLOEXEC);
}

static void serve_until_told(const Ingest *ingest, int signals)
{
    struct signalfd_siginfo info;
    struct pollfd wait = {.fd = signals, .events = POLLIN};
    while (poll(&wait, 1, 500) <= 0)
        if (bus_producer_fatal(ingest->producer)) {
            log_error(ingest->log, "ingest.producer_fatal");
            return;
        }
    (void)!read(signals, &info, sizeof info);
}

/* Bodies and answers come and go by the hundred a second: given back to the kernel each time, every
 * one of their pages would be a fault and a cleared page again. */
static void keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
    mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
}

int main(int argc, char **argv)
{
    keep_memory();
    ARENA_AUTO arena = arena_new(1024 * 1024);
    IngestConfig config = {0};
    int next = 0;
    ConfigStart start = config_start(&program, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    int signals = open_signals();
    Err err = {0};
    Str listen = join_address(arena, config.https_bind, config.https_port);
    Ingest ingest = {
        .config = &config,
        .log = log_new(STDERR_FILENO, "ingest", (LogLevel)config.log_level),
        .metrics = metrics_new(),
        .instance = instance_name(&config, arena),
        .ordering_secret = str_from(config.ordering_key_secret),
        .anonymous_allowed = allows_anonymous(&config, listen),
    };
    ingest.tenants = tenants_new(config.tenant_requests_max, config.tenant_bytes_max);
    ingest.addresses = addresses_new(config.address_per_s, config.address_burst);
    ingest.anonymous = addresses_new(config.anonymous_per_s, config.anonymous_burst);
    ingest.counters = counts_new(&ingest);
    ingest.limit_counts = limit_counts_new(&ingest);
    OpsCallbacks callbacks = {ops_healthy, ops_ready, ops_metrics, &ingest};
    OpsServer *ops = NULL;
    bool up = start_all(&ingest, &config.bus, listen, &err) &&
              ops_server_start(join_address(arena, config.ops_bind, config.ops_port), &callbacks,
                               &ops, &err);
    if (up) {
        log_info(ingest.log, "ingest.serves", LOG_STR("listen", listen),
                 LOG_U64("port", http_server_port(ingest.server)),
                 LOG_STR("instance", ingest.instance));
        serve_until_told(&ingest, signals);
    } else {
        log_error(ingest.log, "ingest.cannot_start", LOG_ERR(&err));
    }
    bool failed = !up || bus_producer_fatal(ingest.producer);
    atomic_store(&ingest.draining, true);
    stop_all(&ingest, ops);
    close(signals);
    return failed ? 1 : 0;
}
