#include "common/audit/audit.h"

#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/envelope/uuid.h"

enum {
    SLOT_MS = 200,
    ARENA_BYTES = 64 * 1024,
    FOREVER_MS = 2147483647, /* librdkafka's most */
    ACT_TIMEOUT_MS = 15000,
    ACCEPT_TENTHS = 9,
};

struct Audit {
    BusProducer *producer;
    Metrics *metrics;
    const Log *log;
    char service[64], instance[256];
    size_t buffer_bytes;
    bool serve_unrecorded;
    atomic_bool closing;
    atomic_uint_fast64_t unrecorded; /* since the last gap was told */
    Counter *published, *dropped;
    Gauge *waiting;
};

/* The bytes of a record on its way: they go again when they did not arrive. */
typedef struct Sent {
    Audit *audit;
    size_t len;
    char bytes[];
} Sent;

/* --- publishing ------------------------------------------------------------------------------- */

static bool publish(Sent *sent, Err *err);

static void lost(Audit *audit, const Err *err)
{
    counter_add(audit->dropped, 1);
    log_error(audit->log, "audit.lost", LOG_ERR(err));
}

static void on_delivery(void *opaque, const BusDelivery *delivery)
{
    Sent *sent = opaque;
    Audit *audit = sent->audit;
    Err err = {0};
    if (delivery->ok) {
        counter_add(audit->published, 1);
        return;
    }
    if (delivery->err.kind != ERR_RETRY || atomic_load(&audit->closing)) {
        lost(audit, &delivery->err);
        return;
    }
    Sent *again = malloc(sizeof *again + sent->len); /* the bus frees the other one */
    if (!again) {
        lost(audit, &delivery->err);
        return;
    }
    memcpy(again, sent, sizeof *again + sent->len);
    if (!publish(again, &err))
        lost(audit, &err);
}

/* Within a slot of time all share a key, so that they share a partition and travel as one batch.
 * Nothing depends on their order. */
static bool publish(Sent *sent, Err *err)
{
    char key[300];
    int len = snprintf(key, sizeof key, "%s/%lld", sent->audit->instance,
                       (long long)(clock_mono_ms() / SLOT_MS));
    const BusRecord record = {
        .topic = "audit",
        .partition = BUS_PARTITION_BY_KEY,
        .key = {key,         (size_t)len},
        .value = {sent->bytes, sent->len  },
        .given = sent,
        .on_delivery = on_delivery,
        .opaque = sent,
    };
    if (bus_publish(sent->audit->producer, &record, err))
        return true;
    free(sent);
    return false;
}

static bool complete(const Audit *audit, const AuditRecord *given, Uuid *id, Arena *arena,
                     Str *ret_bytes, Err *err)
{
    AuditRecord record = *given;
    *id = uuid_v7();
    if (!record.id.len)
        record.id = uuid_str(id);
    if (!record.at_us)
        record.at_us = clock_wall_us();
    if (!record.service.len)
        record.service = str_from(audit->service);
    if (!record.instance.len)
        record.instance = str_from(audit->instance);
    return audit_record_encode(&record, arena, ret_bytes, err);
}

static bool say(Audit *audit, const AuditRecord *record, Arena *arena)
{
    Str bytes;
    Uuid id;
    Err err = {0};
    if (!complete(audit, record, &id, arena, &bytes, &err)) {
        lost(audit, &err);
        return true; /* it would fail again */
    }
    Sent *sent = malloc(sizeof *sent + bytes.len);
    if (!sent)
        return false;
    *sent = (Sent){audit, bytes.len};
    memcpy(sent->bytes, bytes.ptr, bytes.len);
    return publish(sent, &err);
}

/* Once there is room again: how many there was none for. */
static void tell_gap(Audit *audit, Arena *arena)
{
    uint64_t count = atomic_exchange(&audit->unrecorded, 0);
    const AuditRecord gap = {.kind = AUDIT_GAP,
                             .action = STR("E"),
                             .operation = STR("unrecorded"),
                             .outcome = AUDIT_FAILED,
                             .count = count};
    if (count && !say(audit, &gap, arena))
        atomic_fetch_add(&audit->unrecorded, count);
}

void audit_say(Audit *audit, const AuditRecord *record, Arena *arena)
{
    if (!audit)
        return;
    if (atomic_load(&audit->unrecorded))
        tell_gap(audit, arena);
    if (say(audit, record, arena))
        return;
    counter_add(audit->dropped, 1);
    if (atomic_fetch_add(&audit->unrecorded, 1) == 0)
        log_error(audit->log, "audit.unrecorded",
                  LOG_U64("waiting", bus_producer_in_flight(audit->producer)));
}

bool audit_accepts(const Audit *audit)
{
    return !audit || audit->serve_unrecorded ||
           bus_producer_in_flight_bytes(audit->producer) < audit->buffer_bytes / 10 * ACCEPT_TENTHS;
}

/* --- birth and death -------------------------------------------------------------------------- */

static void collect(void *context)
{
    Audit *audit = context;
    gauge_set(audit->waiting, (double)bus_producer_in_flight(audit->producer));
}

static void count(Audit *audit, Metrics *metrics)
{
    if (!metrics)
        return;
    audit->metrics = metrics;
    audit->published = metrics_counter(metrics, "fhirbus_audit_published_total",
                                       "audit records that the brokers have", METRIC_NO_LABELS);
    audit->dropped = metrics_counter(metrics, "fhirbus_audit_dropped_total",
                                     "audit records lost: must be 0", METRIC_NO_LABELS);
    audit->waiting =
        metrics_gauge(metrics, "fhirbus_audit_waiting",
                      "audit records that the brokers do not have yet", METRIC_NO_LABELS);
    metrics_before_render(metrics, collect, audit);
}

bool audit_open(const AuditOptions *options, Audit **ret_audit, Err *err)
{
    const BusProducerOptions producer = {
        .message_timeout_ms = FOREVER_MS,
        .in_flight_limit_bytes = options->buffer_bytes,
        .linger_ms = AUDIT_LINGER_MS,
        .own_thread = true,
    };
    Audit *audit = calloc(1, sizeof *audit);
    if (!audit)
        return ERR(err, ERR_FATAL, "audit-memory", "no memory");
    audit->log = options->log;
    audit->buffer_bytes = options->buffer_bytes;
    audit->serve_unrecorded = options->serve_unrecorded;
    snprintf(audit->service, sizeof audit->service, "%.*s", STR_ARG(options->service));
    snprintf(audit->instance, sizeof audit->instance, "%.*s", STR_ARG(options->instance));
    if (!bus_producer_new(options->bus, &producer, &audit->producer, err)) {
        free(audit);
        return false;
    }
    count(audit, options->metrics);
    *ret_audit = audit;
    return true;
}

void audit_close(Audit *audit, uint32_t flush_ms)
{
    if (!audit)
        return;
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    tell_gap(audit, arena);
    atomic_store(&audit->closing, true);
    if (audit->metrics)
        metrics_forget(audit->metrics, audit);
    bus_producer_free(audit->producer, flush_ms);
    free(audit);
}

/* --- tools ------------------------------------------------------------------------------------ */

AuditRecord audit_act_record(const char *service, const char *action, const char *operation,
                             Str resource, Str by, const Err *failed)
{
    static _Thread_local char host[256];
    gethostname(host, sizeof host - 1);
    return (AuditRecord){
        .kind = AUDIT_ADMINISTRATION,
        .service = str_from(service),
        .instance = str_from(host),
        .action = str_from(action),
        .operation = str_from(operation),
        .resource = resource,
        .caller = by,
        .address = str_from(host),
        .outcome = !failed                     ? AUDIT_SUCCESS
                   : failed->kind == ERR_INPUT ? AUDIT_REFUSED
                                               : AUDIT_FAILED,
        .code = failed ? str_from(failed->code) : STR_NONE,
    };
}

Str audit_operator(const char *given)
{
    static _Thread_local char room[4096];
    struct passwd entry, *found = NULL;
    const char *by = given && given[0] ? given : getenv("PUBLISHED_BY");
    if (by && by[0])
        return str_from(by);
    if (getpwuid_r(geteuid(), &entry, room, sizeof room, &found) == 0 && found)
        return str_from(found->pw_name);
    snprintf(room, sizeof room, "uid %ld", (long)geteuid());
    return str_from(room);
}

bool audit_act(const BusConfig *bus, const AuditRecord *record, Err *err)
{
    const BusProducerOptions options = {.message_timeout_ms = ACT_TIMEOUT_MS, .own_thread = true};
    const Audit nobody = {0};
    BusProducer *producer = NULL;
    BusDelivery delivery;
    Str bytes;
    Uuid id;
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    TRY(complete(&nobody, record, &id, arena, &bytes, err));
    TRY(bus_producer_new(bus, &options, &producer, err));
    const BusRecord message = {
        .topic = "audit", .partition = BUS_PARTITION_BY_KEY, .key = uuid_str(&id), .value = bytes};
    bool fine = bus_publish_wait(producer, &message, &delivery, err);
    bus_producer_free(producer, 0);
    return fine;
}
