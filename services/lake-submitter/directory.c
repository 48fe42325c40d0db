#include "services/lake-submitter/directory.h"

#include <stdlib.h>

enum { BUILT_IN_URLS_MAX = 100 };

struct Directory {
    const SubmitterConfig *config;
    Catalog *catalog;
    Destination *built_in[DIRECTORY_MAX];
    size_t built_in_count;
};

/* --- what the settings describe ----------------------------------------------------------------
 */
static bool take_urls(Destination *d, const char *list)
{
    Str rest = str_from(list), one;
    d->other_urls.list = ARENA_ARRAY(d->arena, Str, BUILT_IN_URLS_MAX);
    while (d->other_urls.list && rest.ptr && str_split(&rest, ',', &one))
        if (str_trim(one).len && d->other_urls.count < BUILT_IN_URLS_MAX)
            d->other_urls.list[d->other_urls.count++] = str_trim(one);
    return d->other_urls.list != NULL;
}

static Destination *built_in(const SubmitterConfig *config, Str name)
{
    Destination *d = destination_new(name);
    if (!d || !take_urls(d, config->datalake_urls)) {
        destination_free(d);
        return NULL;
    }
    d->url = str_from(config->lake_url);
    d->api_key = str_from(config->lake_api_key);
    d->auth = d->api_key.len ? DESTINATION_AUTH_API_KEY : DESTINATION_AUTH_NONE;
    d->ca_file = str_from(config->lake_ca_file);
    d->cert_file = str_from(config->lake_cert_file);
    d->key_file = str_from(config->lake_key_file);
    d->connect_ms = config->lake_connect_timeout_ms;
    d->total_ms = config->lake_timeout_ms;
    d->concurrency = config->connections_max;
    d->per_minute = config->lake_per_minute;
    d->attempts_max = config->attempts_max;
    d->backoff_min_ms = config->backoff_min_ms;
    d->backoff_max_ms = config->backoff_max_ms;
    d->breaker_failures = config->breaker_failures;
    d->breaker_open_min_ms = config->breaker_open_min_ms;
    d->breaker_open_max_ms = config->breaker_open_max_ms;
    return d;
}

static bool build_in(Directory *directory, Err *err)
{
    Str rest = str_from(directory->config->destinations), one;
    while (rest.ptr && str_split(&rest, ',', &one)) {
        one = str_trim(one);
        if (one.len == 0 || str_is(one, "none") || directory->built_in_count == DIRECTORY_MAX)
            continue;
        Destination *made = built_in(directory->config, one);
        if (!made)
            return ERR(err, ERR_FATAL, "directory-memory", "no memory");
        directory->built_in[directory->built_in_count++] = made;
    }
    return true;
}

/* --- open, close -------------------------------------------------------------------------------
 */
bool directory_open(const SubmitterConfig *config, Directory **ret_directory, Err *err)
{
    static const CatalogKind kind = {"destinations", destination_make, destination_unmake, NULL};
    const CatalogOptions options = {.bus = &config->bus, .kinds = &kind, .kind_count = 1};
    Directory *directory = calloc(1, sizeof *directory);
    if (!directory)
        return ERR(err, ERR_FATAL, "directory-memory", "no memory");
    directory->config = config;
    if (!build_in(directory, err) || !catalog_open(&options, &directory->catalog, err)) {
        directory_close(directory);
        return false;
    }
    *ret_directory = directory;
    return true;
}

void directory_close(Directory *directory)
{
    if (!directory)
        return;
    catalog_close(directory->catalog);
    for (size_t i = 0; i < directory->built_in_count; i++)
        destination_free(directory->built_in[i]);
    free(directory);
}

bool directory_ready(Directory *directory, uint32_t timeout_ms)
{
    return catalog_ready(directory->catalog, timeout_ms);
}

uint64_t directory_generation(const Directory *directory)
{
    return catalog_generation(directory->catalog);
}

/* --- views -------------------------------------------------------------------------------------
 */
const Destination *directory_find(const DirectoryView *view, const char *name)
{
    for (size_t i = 0; i < view->count; i++)
        if (strcmp(view->all[i]->name, name) == 0)
            return view->all[i];
    return NULL;
}

static void add(const Directory *directory, DirectoryView *view, const Destination *destination)
{
    if (view->count < DIRECTORY_MAX)
        view->all[view->count++] = destination;
    else
        log_error(directory->config->bus.log, "destination.too_many",
                  LOG_TEXT("destination", destination->name), LOG_U64("limit", DIRECTORY_MAX));
}

const DirectoryView *directory_acquire(Directory *directory)
{
    DirectoryView *view = calloc(1, sizeof *view);
    if (!view)
        return NULL;
    view->catalog = catalog_acquire(directory->catalog);
    view->generation = view->catalog->generation;
    CatalogRun run = catalog_kind(view->catalog, "destinations");
    for (size_t i = 0; i < run.count; i++)
        add(directory, view, run.entries[i].made);
    for (size_t i = 0; i < directory->built_in_count; i++)
        if (!directory_find(view, directory->built_in[i]->name))
            add(directory, view, directory->built_in[i]);
    return view;
}

void directory_release(Directory *directory, const DirectoryView *view)
{
    if (!view)
        return;
    catalog_release(directory->catalog, view->catalog);
    union {
        const DirectoryView *shown;
        void *memory;
    } cast = {.shown = view};
    free(cast.memory);
}
