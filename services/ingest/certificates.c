#include "services/ingest/certificates.h"

#include <dirent.h>

#include "common/auth/auth.h"
#include "common/base/check.h"
#include "common/http/tls.h"
#include "common/watch/watch.h"

enum { LOOK_MS = 500, CERTIFICATES_MAX = 10000, ROUND_ARENA_BYTES = 64 << 20 };

/* A name, its files as they were when they were looked at last, and the last good certificate. */
typedef struct Shown {
    Str name; /* empty: the server's own */
    Str cert_file, key_file;
    uint64_t stamp;
    HttpCertificate *certificate; /* NULL: there never was a good one */
} Shown;

/* All of one look; the next one takes over what has not changed. */
typedef struct Round {
    Arena *arena;
    Shown *list;
    size_t count;
    uint64_t stamp; /* of everything, the other files too */
} Round;

struct Certificates {
    Ingest *ingest;
    Gauge *expires;
    Round *now;
    Watch *watch;
};

/* --- what there should be --------------------------------------------------------------------- */

static Round *round_new(void)
{
    Round *round = calloc(1, sizeof *round);
    CHECK(round);
    round->arena = arena_new(ROUND_ARENA_BYTES);
    round->list = ARENA_ARRAY(round->arena, Shown, CERTIFICATES_MAX + 1);
    CHECK(round->list);
    return round;
}

static void round_free(Round *round)
{
    if (!round)
        return;
    for (size_t i = 0; i < round->count; i++)
        http_certificate_release(round->list[i].certificate);
    arena_free(round->arena);
    free(round);
}

static const Shown *find(const Round *round, Str name)
{
    for (size_t i = 0; round && i < round->count; i++)
        if (str_eq(round->list[i].name, name))
            return &round->list[i];
    return NULL;
}

static void want(Round *round, Str name, Str cert_file, Str key_file)
{
    if (round->count > CERTIFICATES_MAX || !cert_file.ptr || !key_file.ptr)
        return;
    Shown *shown = &round->list[round->count++];
    shown->name = arena_copy(round->arena, name);
    shown->cert_file = arena_copy(round->arena, cert_file);
    shown->key_file = arena_copy(round->arena, key_file);
    shown->stamp =
        watch_file_stamp(shown->cert_file.ptr) * 31 + watch_file_stamp(shown->key_file.ptr);
    round->stamp = (round->stamp * 31 + shown->stamp) * 31 + str_hash(shown->name) +
                   str_hash(shown->cert_file) + str_hash(shown->key_file);
}

/* An object names files within the folder; a way out of it is none. */
static Str file_within(const Round *round, const char *folder, Str file)
{
    Str rest = file, part;
    while (str_split(&rest, '/', &part))
        if (str_is(part, ".."))
            return STR_NONE;
    if (file.len && file.ptr[0] == '/')
        return file;
    return folder ? arena_format(round->arena, "%s/%.*s", folder, STR_ARG(file)) : STR_NONE;
}

static void want_folder(Round *round, const char *folder, Str name)
{
    Str cert_file = arena_format(round->arena, "%s/%.*s/cert.pem", folder, STR_ARG(name));
    if (watch_file_stamp(cert_file.ptr))
        want(round, name, cert_file,
             arena_format(round->arena, "%s/%.*s/key.pem", folder, STR_ARG(name)));
}

static void want_objects(Round *round, const char *folder, Ingest *ingest)
{
    const CallerBook *book = auth_book(ingest->auth);
    const HostName *host;
    for (size_t i = 0; (host = book_host_at(book, i)); i++)
        if (host->cert_file.len)
            want(round, host->name, file_within(round, folder, host->cert_file),
                 file_within(round, folder, host->key_file));
        else if (folder)
            want_folder(round, folder, host->name);
    callers_release(book);
}

static bool is_host_folder(Str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
            return false;
    return name.len > 0 && name.ptr[0] != '.'; /* nor what a volume keeps its versions in */
}

static void want_folders(Round *round, const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (is_host_folder(str_from(entry->d_name)) && !find(round, str_from(entry->d_name)))
            want_folder(round, folder, str_from(entry->d_name));
    if (dir)
        closedir(dir);
}

static Round *look(Ingest *ingest)
{
    const IngestConfig *c = ingest->config;
    Round *round = round_new();
    want(round, STR(""), str_from(c->tls_cert_file), str_from(c->tls_key_file));
    want_objects(round, c->certificates_dir, ingest);
    if (c->certificates_dir)
        want_folders(round, c->certificates_dir);
    round->stamp = (round->stamp * 31 + watch_file_stamp(c->tls_ticket_key_file)) * 31 +
                   watch_file_stamp(c->client_ca_file);
    return round;
}

/* --- what there is ---------------------------------------------------------------------------- */

static void say_unusable(const Ingest *ingest, Str name, const Err *err)
{
    log_error(ingest->log, "certificate.unusable", LOG_STR("host", name), LOG_ERR(err));
}

static void read_one(Certificates *all, Shown *shown)
{
    const Shown *former = find(all->now, shown->name);
    bool same = former && former->stamp == shown->stamp &&
                str_eq(former->cert_file, shown->cert_file) &&
                str_eq(former->key_file, shown->key_file);
    Err err = {0};
    if (!same) {
        if (http_certificate_read(shown->cert_file.ptr, shown->key_file.ptr, &shown->certificate,
                                  &err)) {
            log_info(all->ingest->log, "certificate.read", LOG_STR("host", shown->name),
                     LOG_I64("expires", http_certificate_expires_s(shown->certificate)));
            return;
        }
        say_unusable(all->ingest, shown->name, &err);
    }
    if (former && former->certificate)
        shown->certificate = http_certificate_hold(former->certificate);
}

static bool use(Certificates *all, Round *round)
{
    const IngestConfig *c = all->ingest->config;
    HttpTlsHost *hosts = ARENA_ARRAY(round->arena, HttpTlsHost, round->count + 1);
    CHECK(hosts);
    HttpTlsOptions options = {.hosts = hosts,
                              .ticket_key_file = c->tls_ticket_key_file,
                              .ask_certificate = c->client_ca_file != NULL,
                              .client_ca_file = c->client_ca_file};
    int64_t expires = INT64_MAX;
    for (size_t i = 0; i < round->count; i++) {
        Shown *shown = &round->list[i];
        read_one(all, shown);
        if (!shown->certificate)
            continue;
        int64_t at = http_certificate_expires_s(shown->certificate);
        expires = at < expires ? at : expires;
        if (shown->name.len)
            hosts[options.host_count++] = (HttpTlsHost){shown->name, shown->certificate};
        else
            options.certificate = shown->certificate;
    }
    Err err = {0};
    gauge_set(all->expires, (double)expires);
    if (options.certificate && http_server_use_tls(all->ingest->server, &options, &err))
        return true;
    say_unusable(all->ingest, STR(""), &err);
    return false;
}

/* Even what could not be used is remembered: it is tried again when it has changed. */
static void follow(const Watch *watch, void *opaque)
{
    Certificates *all = opaque;
    (void)watch;
    Round *round = look(all->ingest), *former = all->now;
    if (former && former->stamp == round->stamp) {
        round_free(round);
        return;
    }
    if (use(all, round))
        log_info(all->ingest->log, "certificates.in_use", LOG_U64("names", round->count));
    all->now = round;
    round_free(former);
}

bool certificates_start(Ingest *ingest, Certificates **ret_certificates, Err *err)
{
    Certificates *all = calloc(1, sizeof *all);
    CHECK(all);
    all->ingest = ingest;
    all->expires = metrics_gauge(
        ingest->metrics, "fhirbus_ingest_certificate_expires_timestamp_seconds",
        "when the first of the server's certificates ends, Unix time", METRIC_NO_LABELS);
    all->watch = watch_start("certificates", LOOK_MS, follow, all);
    if (!all->watch) {
        free(all);
        return ERR(err, ERR_FATAL, "certificates", "no thread");
    }
    *ret_certificates = all;
    return true;
}

void certificates_stop(Certificates *all)
{
    if (!all)
        return;
    watch_stop(all->watch);
    round_free(all->now);
    free(all);
}
