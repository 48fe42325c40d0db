/* fhirbus-destinations: checks, publishes, lists and removes the destinations of the catalog. */
#include <stdio.h>
#include <string.h>

#include "common/bus/bus_options.h"
#include "common/catalog/administer.h"
#include "common/config/config.h"
#include "common/destinations/destination.h"
#include "common/destinations/topic.h"

enum { WAIT_MS = 30000 };

typedef struct ToolConfig {
    BusConfig bus;
    DestinationTopics topics;
    const char *by, *comment;
} ToolConfig;

#define OPT(...) CONFIG_OPTION(ToolConfig, __VA_ARGS__)
static const ConfigOption options[] = {
    BUS_OPTIONS(ToolConfig, bus),
    DESTINATION_TOPIC_OPTIONS(ToolConfig, topics),
    OPT("PUBLISHED_BY", CONFIG_TEXT, by, NULL, "who publishes; default: the user's name"),
    OPT("COMMENT", CONFIG_TEXT, comment, NULL, "why; kept with the object"),
    {0},
};

static const char usage[] =
    "  check FILE...          says whether these files can be published; needs no brokers\n"
    "  publish NAME FILE [VERSION]  makes the topic submit.NAME if it is missing, then publishes;\n"
    "                         with VERSION only if that is the one in force (0: none is)\n"
    "  list                   name, version, URL, tenants of what is in force\n"
    "  show NAME              the object in force, as it was written\n"
    "  remove NAME [--force]  takes it off, if nothing waits for it; --force: what waits stays on\n"
    "                         its topic, undelivered, until its retention is over\n";

static bool check(const Administration *self, AdministerFile *file)
{
    Destination *destination = NULL;
    Err err = {0};
    Str name = file->name[0] ? str_from(file->name) : STR("checked");
    if (!destination_read(name, file->text, &destination, &err))
        return administer_complain(self, file->path, &err) == 0;
    snprintf(file->about, sizeof file->about, "%.*s", STR_ARG(destination->url));
    destination_free(destination);
    return true;
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

/* Before the object, so that nobody publishes to a topic that is not there. */
static bool make_topic(const Administration *self, const char *name, Err *err)
{
    const ToolConfig *config = self->opaque;
    bool created;
    TRY(destination_topic_ensure(&config->bus, &config->topics, str_from(name), true, WAIT_MS,
                                 &created, err));
    if (created)
        printf("created  topic submit.%s\n", name);
    return true;
}

/* Documents that nobody would deliver any more are not left behind unsaid. */
static int removal(const Administration *self, const char *name, bool force)
{
    uint64_t waiting = 0;
    Err err = {0};
    if (strlen(name) > DESTINATION_NAME_MAX)
        return administer_remove(self, name);
    bool known = destination_waiting(self->bus, str_from(name), WAIT_MS, &waiting, &err);
    if (!known && !force)
        return administer_complain(self, name, &err);
    if (waiting > 0)
        fprintf(stderr,
                "%s: %llu documents wait on submit.%s. They stay there, undelivered, until their "
                "retention is over or destinations/%s is published again.%s\n",
                force ? "warning" : "fhirbus-destinations", (unsigned long long)waiting, name, name,
                force ? "" : " To remove it all the same: --force");
    return waiting > 0 && !force ? 1 : administer_remove(self, name);
}

int main(int argc, char **argv)
{
    static const ConfigProgram program = {
        .name = "fhirbus-destinations",
        .summary = "Where documents are delivered to: checks, publishes, lists, removes.",
        .usage = usage,
        .options = options,
    };
    static const CatalogKind kind = {"destinations", destination_make, destination_unmake, NULL};
    Administration destinations = {
        .program = "fhirbus-destinations",
        .kind = &kind,
        .file_bytes_max = OBJECT_BYTES_MAX,
        .name_bytes_max = DESTINATION_NAME_MAX,
        .removed = "removed",
        .check = check,
        .print = print_entry,
        .prepare = make_topic,
    };
    ARENA_AUTO arena = arena_new(1 << 20);
    ToolConfig config = {0};
    int next = 0;
    /* Files are checked where there are no brokers. */
    if (argc > 2 && strcmp(argv[1], "check") == 0)
        return administer_check(&destinations, argc - 2, argv + 2);
    ConfigStart start = config_start(&program, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    config.bus.client_id = "fhirbus-destinations";
    destinations.bus = &config.bus;
    destinations.by = config.by;
    destinations.comment = config.comment;
    destinations.opaque = &config;
    int left = argc - next;
    char **words = argv + next;
    const char *verb = left > 0 ? words[0] : "";
    if (strcmp(verb, "list") == 0 && left == 1)
        return administer_list(&destinations);
    if (strcmp(verb, "show") == 0 && left == 2)
        return administer_show(&destinations, words[1]);
    if (strcmp(verb, "publish") == 0 && (left == 3 || left == 4))
        return administer_publish(&destinations, words[1], words[2], left == 4 ? words[3] : NULL);
    bool force = left == 3 && strcmp(words[2], "--force") == 0;
    if (strcmp(verb, "remove") == 0 && (left == 2 || force))
        return removal(&destinations, words[1], force);
    fprintf(stderr, "fhirbus-destinations: check, publish, list, show or remove\n%s", usage);
    return 2;
}
