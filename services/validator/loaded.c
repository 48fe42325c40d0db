#include "services/validator/loaded.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/envelope/uuid.h"

enum { HOST_BYTES = 256, AGAIN_US = 1000000, END_POLL_MS = 50 };
/* Instances are no UUIDs, and events belong to one: made of this and of theirs. */
#define INSTANCES "5b2f8c1e-7d0a-5c3b-9e46-1f0d2a7c8b95"

struct LoadedReport {
    const ValidatorConfig *config;
    const Log *log;
    BusProducer *producer;
    const char *instance;
    char host[HOST_BYTES];
    Uuid event_of;         /* the instance as a UUID */
    int64_t started_at_us; /* 0: nothing was told yet */
    int64_t opened_at_us;  /* of the engine that was told */
    int64_t due_at_us;
    int64_t again_at_us; /* not before: the last one was not taken */
    uint32_t told;       /* since the last whole one, itself included */
    uint32_t under_way;
};

LoadedReport *loaded_new(const ValidatorConfig *config, const Log *log, BusProducer *producer,
                         const Supervisor *supervisor)
{
    LoadedReport *report = calloc(1, sizeof *report);
    if (!report)
        return NULL;
    *report = (LoadedReport){.config = config, .log = log, .producer = producer};
    report->instance = supervisor_member(supervisor);
    report->event_of = uuid_v5(STR(INSTANCES), str_from(report->instance));
    gethostname(report->host, sizeof report->host - 1);
    return report;
}

void loaded_free(LoadedReport *report)
{
    free(report);
}

/* --- what there is to tell -------------------------------------------------------------------- */

static bool describe_packages(const FhirValidator *engine, size_t index, Arena *arena,
                              LoadedImage *image)
{
    FhirPackageName *names = ARENA_ARRAY(arena, FhirPackageName, LOADED_PACKAGES_MAX);
    NameValue *packages = ARENA_ARRAY(arena, NameValue, LOADED_PACKAGES_MAX);
    if (!names || !packages)
        return false;
    size_t count = fhir_validator_image_packages(engine, index, names, LOADED_PACKAGES_MAX);
    image->package_count = (uint32_t)(count < LOADED_PACKAGES_MAX ? count : LOADED_PACKAGES_MAX);
    for (uint32_t i = 0; i < image->package_count; i++)
        packages[i] = (NameValue){names[i].name, names[i].version};
    image->packages = packages;
    return true;
}

/* Of all images together no more than fits a message. */
static bool describe_profiles(const FhirValidator *engine, size_t index, Arena *arena, size_t *left,
                              LoadedImage *image)
{
    size_t room = *left < LOADED_URLS_MAX ? *left : LOADED_URLS_MAX;
    Str *urls = ARENA_ARRAY(arena, Str, room + 1);
    if (!urls)
        return false;
    size_t count = fhir_validator_image_profiles(engine, index, urls, room);
    image->profile_url_count = (uint32_t)(count < room ? count : room);
    image->profile_urls = urls;
    *left -= image->profile_url_count;
    return true;
}

bool loaded_describe(const Images *images, bool described, Arena *arena, Loaded *ret_loaded,
                     Err *err)
{
    const FhirValidator *engine = images_engine(images);
    size_t count = fhir_validator_image_count(engine), left = LOADED_URLS_ALL_MAX;
    LoadedImage *list = ARENA_ARRAY(arena, LoadedImage, count + 1);
    bool room = list != NULL;
    for (size_t i = 0; room && i < count; i++) {
        LoadedImage *image = &list[i];
        uint64_t id = fhir_validator_image_id(engine, i);
        *image = (LoadedImage){
            .digest = arena_format(arena, "%016llx", (unsigned long long)id),
            .name = fhir_validator_image_name(engine, i),
            .version = fhir_validator_image_version(engine, i),
            .reference = fhir_validator_image_reference(engine, i),
            .bytes = fhir_validator_image_bytes(engine, i),
            .loaded_at_us = images_loaded_at_us(images, i),
            .profiles = (uint32_t)fhir_validator_image_profiles(engine, i, NULL, 0),
            .described = described,
        };
        room = image->digest.ptr &&
               (!described || (describe_packages(engine, i, arena, image) &&
                               describe_profiles(engine, i, arena, &left, image)));
    }
    if (!room)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to say what is loaded");
    ret_loaded->images = list;
    ret_loaded->image_count = (uint32_t)count;
    return true;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void on_delivery(void *opaque, const BusDelivery *delivery)
{
    LoadedReport *report = opaque;
    report->under_way--;
    if (delivery->ok)
        return;
    report->told = 0; /* the next one is whole */
    log_warn(report->log, "images.not_told", LOG_ERR(&delivery->err));
}

static bool publish(LoadedReport *report, const Loaded *loaded, int64_t now_us, Arena *arena,
                    Err *err)
{
    Uuid id = uuid_v7();
    const Event event = {
        .event_id = uuid_str(&id),
        .interaction_id = uuid_str(&report->event_of),
        .service = STR("validator"),
        .kind = STR("images"),
        .at_us = now_us,
        .has_loaded = true,
        .loaded = *loaded,
    };
    BusRecord record = {
        .topic = "events",
        .partition = BUS_PARTITION_BY_KEY,
        .key = uuid_str(&report->event_of),
        .bulk = true,
        .on_delivery = on_delivery,
        .opaque = report,
    };
    TRY(event_encode(&event, arena, &record.value, err));
    TRY(bus_publish(report->producer, &record, err));
    report->under_way++;
    return true;
}

static bool tell(LoadedReport *report, const Images *images, bool ended, int64_t now_us,
                 Arena *arena, Err *err)
{
    bool changed = report->opened_at_us != images_opened_at_us(images);
    bool whole = changed || report->told % LOADED_WHOLE_EVERY == 0;
    Loaded loaded = {
        .instance = str_from(report->instance),
        .host = str_from(report->host),
        .software = STR(FHIRBUS_VERSION),
        .started_at_us = report->started_at_us ? report->started_at_us : now_us,
        .every_s = (uint32_t)report->config->images_report_s,
        .ended = ended,
    };
    TRY(loaded_describe(images, whole, arena, &loaded, err));
    TRY(publish(report, &loaded, now_us, arena, err));
    report->started_at_us = loaded.started_at_us;
    report->opened_at_us = images_opened_at_us(images);
    report->told = whole ? 1 : report->told + 1;
    return true;
}

static void tell_or_log(LoadedReport *report, const Images *images, bool ended, int64_t now_us,
                        Arena *arena)
{
    Err err = {0};
    bool told = tell(report, images, ended, now_us, arena, &err);
    arena_reset(arena);
    if (told) {
        report->due_at_us = now_us + (int64_t)report->config->images_report_s * 1000000;
        return;
    }
    report->again_at_us = now_us + AGAIN_US;
    log_warn(report->log, "images.not_told", LOG_ERR(&err));
}

void loaded_step(LoadedReport *report, const Images *images, Arena *arena, int64_t now_us)
{
    bool due = now_us >= report->due_at_us || report->opened_at_us != images_opened_at_us(images);
    if (!due || report->under_way || now_us < report->again_at_us)
        return;
    tell_or_log(report, images, false, now_us, arena);
}

/* True when it is taken. */
static bool await_taken(const LoadedReport *report, uint32_t *left_ms)
{
    for (; report->under_way && *left_ms >= END_POLL_MS; *left_ms -= END_POLL_MS)
        bus_producer_poll(report->producer, END_POLL_MS);
    return !report->under_way;
}

void loaded_end(LoadedReport *report, const Images *images, Arena *arena, int64_t now_us,
                uint32_t wait_ms)
{
    if (!await_taken(report, &wait_ms)) /* the brokers are away */
        return;
    tell_or_log(report, images, true, now_us, arena);
    await_taken(report, &wait_ms);
}
