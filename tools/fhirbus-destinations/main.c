/* fhirbus-destinations: checks, publishes, lists and removes the destinations of the catalog. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus/bus_options.h"
#include "common/bus/topics.h"
#include "common/catalog/publish.h"
#include "common/config/config.h"
#include "common/destinations/destination.h"

enum { WAIT_MS = 30000, HOUR_MS = 3600000 };

typedef struct ToolConfig {
    BusConfig bus;
    uint64_t partitions, replication, min_insync, retention_h;
    const char *by, *comment;
} ToolConfig;

#define OPT(...) CONFIG_OPTION(ToolConfig, __VA_ARGS__)
static const ConfigOption options[] = {
    BUS_OPTIONS(ToolConfig, bus),
    OPT("TOPIC_PARTITIONS", CONFIG_UINT, partitions, "12",
        "of a new destination's topic submit.<destination>", .min = 1, .max = 10000),
    OPT("TOPIC_REPLICATION", CONFIG_UINT, replication, "0", "0: the cluster's default", .min = 0,
        .max = 100),
    OPT("TOPIC_MIN_INSYNC_REPLICAS", CONFIG_UINT, min_insync, "0", "0: the cluster's default",
        .min = 0, .max = 100),
    OPT("TOPIC_RETENTION_H", CONFIG_UINT, retention_h, "168",
        "hours that a destination may be down without loss", .min = 1, .max = 876000),
    OPT("PUBLISHED_BY", CONFIG_TEXT, by, NULL, "who publishes; default: the user's name"),
    OPT("COMMENT", CONFIG_TEXT, comment, NULL, "why; kept with the object"),
    {0},
};

static const char usage[] =
    "  check FILE...          says whether these files can be published; needs no brokers\n"
    "  publish NAME FILE      makes the topic submit.NAME if it is missing, then publishes\n"
    "  list                   name, version, URL, tenants of what is in force\n"
    "  show NAME              the object in force, as it was written\n"
    "  remove NAME [--force]  takes it off, if nothing waits for it; --force: what waits stays on\n"
    "                         its topic, undelivered, until its retention is over\n";

static bool read_file(const char *path, Buf *out)
{
    char block[65536];
    FILE *file = fopen(path, "re");
    if (!file) {
        perror(path);
        return false;
    }
    for (size_t len; (len = fread(block, 1, sizeof block, file)) > 0;)
        buf_add(out, (Str){block, len});
    bool fine = !ferror(file) && !out->overflowed;
    fclose(file);
    if (!fine)
        fprintf(stderr, "%s: cannot be read, or is larger than %d bytes\n", path, OBJECT_BYTES_MAX);
    return fine;
}

static int complain(const char *about, const Err *err)
{
    fprintf(stderr, "fhirbus-destinations: %s: %s: %s\n", about, err->code, err->text);
    return 1;
}

static int check(int count, char **files)
{
    int code = count > 0 ? 0 : 2;
    for (int i = 0; i < count; i++) {
        Destination *destination = NULL;
        Err err = {0};
        BUF_AUTO json;
        buf_init(&json, OBJECT_BYTES_MAX);
        if (!read_file(files[i], &json)) {
            code = 1;
        } else if (destination_read(STR("checked"), buf_str(&json), &destination, &err)) {
            printf("fine     %s: %.*s\n", files[i], STR_ARG(destination->url));
            destination_free(destination);
        } else {
            code = complain(files[i], &err);
        }
    }
    return code;
}

static bool open_catalog(const ToolConfig *config, Catalog **ret_catalog, Err *err)
{
    static const CatalogKind kind = {"destinations", destination_make, destination_unmake, NULL};
    const CatalogOptions catalog = {.bus = &config->bus, .kinds = &kind, .kind_count = 1};
    TRY(catalog_open(&catalog, ret_catalog, err));
    if (catalog_ready(*ret_catalog, WAIT_MS))
        return true;
    catalog_close(*ret_catalog);
    return ERR(err, ERR_RETRY, "bus-timeout", "the topic config could not be read within %d s",
               WAIT_MS / 1000);
}

static void print_entry(const CatalogEntry *entry)
{
    static const char *const auths[] = {"none", "api-key", "mtls", "oauth2"};
    const Destination *d = entry->made;
    printf("%-20s version %-4llu %-10s %-8s %.*s", d->name,
           (unsigned long long)entry->object->version,
           d->format == DESTINATION_DATALEDGER ? "dataledger" : "lake",
           d->paused ? "paused" : auths[d->auth], STR_ARG(d->url));
    for (size_t i = 0; i < d->tenants.count; i++)
        printf("%s%.*s", i ? "," : "  tenants ", STR_ARG(d->tenants.list[i]));
    putchar('\n');
}

static int list(const ToolConfig *config, const char *name)
{
    Catalog *catalog;
    Err err = {0};
    int code = 0;
    if (!open_catalog(config, &catalog, &err))
        return complain("list", &err);
    const CatalogView *view = catalog_acquire(catalog);
    CatalogRun run = catalog_kind(view, "destinations");
    for (size_t i = 0; i < run.count && !name; i++)
        print_entry(&run.entries[i]);
    if (name) {
        code = 1;
        for (size_t i = 0; i < run.count; i++)
            if (str_is(run.entries[i].object->name, name)) {
                printf("%.*s\n", STR_ARG(run.entries[i].object->data));
                code = 0;
            }
        if (code)
            fprintf(stderr, "fhirbus-destinations: there is no %s\n", name);
    }
    catalog_release(catalog, view);
    catalog_close(catalog);
    return code;
}

/* Before the object, so that nobody publishes to a topic that is not there. */
static bool make_topic(const ToolConfig *config, const char *name, Err *err)
{
    char topic[DESTINATION_NAME_MAX + 10];
    int32_t there = 0;
    Err unknown = {0};
    TopicReport report;
    snprintf(topic, sizeof topic, "submit.%s", name);
    if (!bus_partition_count(&config->bus, topic, WAIT_MS, &there, &unknown))
        there = 0;
    const TopicSpec spec = {
        .name = topic,
        .partitions = there > 0 ? there : (int32_t)config->partitions,
        .replication = (int32_t)config->replication,
        .min_insync_replicas = (int32_t)config->min_insync,
        .retention_ms = (int64_t)config->retention_h * HOUR_MS,
        .message_max_bytes = config->bus.message_max_bytes,
    };
    TRY(bus_topics_ensure(&config->bus, &spec, 1, false, WAIT_MS, &report, err));
    if (report.state == TOPIC_CREATED)
        printf("created  topic %s\n", topic);
    return true;
}

static int change(const ToolConfig *config, const char *name, const char *file)
{
    char id[OBJECT_ID_BYTES_MAX + 1];
    Destination *destination = NULL;
    Catalog *catalog;
    Err err = {0};
    uint64_t version = 0;
    BUF_AUTO json;
    buf_init(&json, OBJECT_BYTES_MAX);
    snprintf(id, sizeof id, "destinations/%s", name);
    if (!object_id_valid(str_from(id)) || strlen(name) > DESTINATION_NAME_MAX) {
        fprintf(stderr, "fhirbus-destinations: %s: letters, digits, '.', '_' and '-'\n", name);
        return 2;
    }
    if (file && !read_file(file, &json))
        return 1;
    if (file && !destination_read(str_from(name), buf_str(&json), &destination, &err))
        return complain(file, &err);
    destination_free(destination);
    if ((file && !make_topic(config, name, &err)) || !open_catalog(config, &catalog, &err))
        return complain(name, &err);
    const char *user = getenv("USER");
    const CatalogChange wanted = {.id = str_from(id),
                                  .data = file ? buf_str(&json) : STR_NONE,
                                  .by = str_from(config->by ? config->by
                                                 : user     ? user
                                                            : "unknown"),
                                  .comment = str_from(config->comment)};
    bool fine = catalog_publish(catalog, &config->bus, &wanted, WAIT_MS, &version, &err);
    catalog_close(catalog);
    if (!fine)
        return complain(name, &err);
    if (file)
        printf("in force %s version %llu\n", id, (unsigned long long)version);
    else
        printf("removed  %s\n", id);
    return 0;
}

/* Documents that nobody would deliver any more are not left behind unsaid. */
static int removal(const ToolConfig *config, const char *name, bool force)
{
    char topic[DESTINATION_NAME_MAX + 10], group[DESTINATION_NAME_MAX + 20];
    uint64_t waiting = 0;
    Err err = {0};
    if (strlen(name) > DESTINATION_NAME_MAX)
        return change(config, name, NULL);
    snprintf(topic, sizeof topic, "submit.%s", name);
    snprintf(group, sizeof group, "lake-submitter.%s", name);
    bool known = bus_group_waiting(&config->bus, group, topic, WAIT_MS, &waiting, &err);
    if (!known && !force)
        return complain(topic, &err);
    if (waiting > 0)
        fprintf(stderr,
                "%s: %llu documents wait on %s. They stay there, undelivered, until their "
                "retention is over or destinations/%s is published again.%s\n",
                force ? "warning" : "fhirbus-destinations", (unsigned long long)waiting, topic,
                name, force ? "" : " To remove it all the same: --force");
    return waiting > 0 && !force ? 1 : change(config, name, NULL);
}

int main(int argc, char **argv)
{
    static const ConfigProgram program = {
        .name = "fhirbus-destinations",
        .summary = "Where documents are delivered to: checks, publishes, lists, removes.",
        .usage = usage,
        .options = options,
    };
    ARENA_AUTO arena = arena_new(1 << 20);
    ToolConfig config = {0};
    int next = 0;
    /* Files are checked where there are no brokers. */
    if (argc > 1 && strcmp(argv[1], "check") == 0)
        return check(argc - 2, argv + 2);
    ConfigStart start = config_start(&program, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    config.bus.client_id = "fhirbus-destinations";
    int left = argc - next;
    const char *verb = left > 0 ? argv[next] : "";
    if (strcmp(verb, "list") == 0 && left == 1)
        return list(&config, NULL);
    if (strcmp(verb, "show") == 0 && left == 2)
        return list(&config, argv[next + 1]);
    if (strcmp(verb, "publish") == 0 && left == 3)
        return change(&config, argv[next + 1], argv[next + 2]);
    bool force = left == 3 && strcmp(argv[next + 2], "--force") == 0;
    if (strcmp(verb, "remove") == 0 && (left == 2 || force))
        return removal(&config, argv[next + 1], force);
    fprintf(stderr, "fhirbus-destinations: check, publish, list, show or remove\n%s", usage);
    return 2;
}
