/* fhirbus-rules: checks, tries, publishes, lists and retires the rules of the catalog. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus/bus_options.h"
#include "common/catalog/publish.h"
#include "common/config/config.h"
#include "common/rules/book.h"
#include "tools/fhirbus-rules/files.h"
#include "tools/fhirbus-rules/try.h"

enum { WAIT_MS = 30000 };

typedef struct ToolConfig {
    BusConfig bus;
    const char *by, *comment;
} ToolConfig;

#define OPT(...) CONFIG_OPTION(ToolConfig, __VA_ARGS__)
static const ConfigOption options[] = {
    BUS_OPTIONS(ToolConfig, bus),
    OPT("PUBLISHED_BY", CONFIG_TEXT, by, NULL, "who publishes; default: the user's name"),
    OPT("COMMENT", CONFIG_TEXT, comment, NULL, "why; kept with the rules"),
    {0},
};

static const char usage[] =
    "  check FILE...          says whether these files can be published, and where not\n"
    "  publish FILE [VERSION] puts it in force under its name, for all services, without restart;\n"
    "                         with VERSION only if that is the one in force (0: none is)\n"
    "  list                   name, version, when, by whom, rules, tenants of what is in force\n"
    "  show NAME              the file in force, as it was written; \"default\" too\n"
    "  retire NAME            takes it out of force\n"
    "check, try and --help need no brokers. Exit code: 0 done, 1 refused or failed, 2 usage.\n";

static int complain(const char *about, const Err *err)
{
    fprintf(stderr, "fhirbus-rules: %s: %s: %s\n", about, err->code, err->text);
    return 1;
}

static int wrong_usage(void)
{
    fprintf(stderr, "fhirbus-rules: check, try, publish, list, show or retire\n%s%s", usage,
            try_usage);
    return 2;
}

static int check(int count, char **files)
{
    int code = 0;
    if (count == 0)
        return wrong_usage();
    for (int i = 0; i < count; i++) {
        RuleSet *set = NULL;
        BUF_AUTO text;
        buf_init(&text, 1);
        if (!file_read(files[i], RULES_FILE_BYTES_MAX, &text) ||
            !rules_file_check(files[i], buf_str(&text), &set)) {
            code = 1;
            continue;
        }
        printf("fine     %s: %.*s, %zu rules\n", files[i], STR_ARG(set->name), set->total);
        rules_free(set);
    }
    return code;
}

static bool open_catalog(const ToolConfig *config, Catalog **ret_catalog, Err *err)
{
    const CatalogOptions catalog = {
        .bus = &config->bus, .kinds = &rules_catalog_kind, .kind_count = 1};
    TRY(catalog_open(&catalog, ret_catalog, err));
    if (catalog_ready(*ret_catalog, WAIT_MS))
        return true;
    catalog_close(*ret_catalog);
    return ERR(err, ERR_RETRY, "bus-timeout", "the topic config could not be read within %d s",
               WAIT_MS / 1000);
}

static void print_set(const CatalogEntry *entry)
{
    const CatalogObject *object = entry->object;
    const RuleSet *set = entry->made;
    printf("%.*s version %llu  %.*s  by %.*s  %zu dispositions, %zu diagnostics, %zu transforms",
           STR_ARG(object->name), (unsigned long long)object->version,
           STR_ARG(object->published_at), STR_ARG(object->published_by),
           set->counts[RULES_DISPOSITIONS], set->counts[RULES_DIAGNOSTICS],
           set->counts[RULES_TRANSFORMS]);
    for (size_t i = 0; i < set->tenants.count; i++)
        printf("%s%.*s", i ? "," : "  tenants ", STR_ARG(set->tenants.list[i]));
    if (object->comment.len)
        printf("  \"%.*s\"", STR_ARG(object->comment));
    putchar('\n');
}

static bool print_named(const CatalogRun *run, const char *name)
{
    for (size_t i = 0; i < run->count; i++)
        if (str_is(run->entries[i].object->name, name)) {
            printf("%.*s\n", STR_ARG(run->entries[i].object->data));
            return true;
        }
    if (strcmp(name, "default") == 0) {
        printf("%.*s", STR_ARG(rules_default_file()));
        return true;
    }
    fprintf(stderr, "fhirbus-rules: there is no %s\n", name);
    return false;
}

/* All of them, or the file of one. */
static int list(const ToolConfig *config, const char *name)
{
    Catalog *catalog;
    Err err = {0};
    bool fine = true, replaced = false;
    if (!open_catalog(config, &catalog, &err))
        return complain("list", &err);
    const CatalogView *view = catalog_acquire(catalog);
    CatalogRun run = catalog_kind(view, "rules");
    for (size_t i = 0; i < run.count && !name; i++) {
        print_set(&run.entries[i]);
        replaced = replaced || str_is(run.entries[i].object->name, "default");
    }
    if (name)
        fine = print_named(&run, name);
    else if (!replaced)
        puts("default  built in");
    catalog_release(catalog, view);
    catalog_close(catalog);
    return fine ? 0 : 1;
}

static int change(const ToolConfig *config, CatalogChange *wanted)
{
    Catalog *catalog;
    Err err = {0};
    uint64_t version = 0;
    const char *user = getenv("USER");
    wanted->by = str_from(config->by ? config->by : user ? user : "unknown");
    wanted->comment = str_from(config->comment);
    if (!open_catalog(config, &catalog, &err))
        return complain(wanted->id.ptr, &err);
    bool fine = catalog_publish(catalog, &config->bus, wanted, WAIT_MS, &version, &err);
    catalog_close(catalog);
    if (!fine)
        return complain(wanted->id.ptr, &err);
    if (wanted->data.ptr)
        printf("in force %s version %llu\n", wanted->id.ptr, (unsigned long long)version);
    else
        printf("retired  %s\n", wanted->id.ptr);
    return 0;
}

static int publish(const ToolConfig *config, const char *file, const char *version)
{
    char id[OBJECT_ID_BYTES_MAX + 1];
    RuleSet *set = NULL;
    CatalogChange wanted = {.expects = version != NULL};
    BUF_AUTO text;
    buf_init(&text, 1);
    if (version && !str_to_u64(str_from(version), &wanted.expected_version))
        return wrong_usage();
    if (!file_read(file, RULES_FILE_BYTES_MAX, &text) ||
        !rules_file_check(file, buf_str(&text), &set))
        return 1;
    snprintf(id, sizeof id, "rules/%.*s", STR_ARG(set->name));
    rules_free(set);
    wanted.id = str_from(id);
    wanted.data = buf_str(&text);
    return change(config, &wanted);
}

static int retire(const ToolConfig *config, const char *name)
{
    char id[OBJECT_ID_BYTES_MAX + 1];
    snprintf(id, sizeof id, "rules/%s", name);
    CatalogChange wanted = {.id = str_from(id)};
    return change(config, &wanted);
}

int main(int argc, char **argv)
{
    char about[sizeof usage + 2048];
    const ConfigProgram program = {
        .name = "fhirbus-rules",
        .summary = "What is done with diagnostics and bundles: checks, tries, publishes rules.",
        .usage = about,
        .options = options,
    };
    ARENA_AUTO arena = arena_new(1 << 20);
    ToolConfig config = {0};
    int next = 0;
    snprintf(about, sizeof about, "%s%s", try_usage, usage);
    /* Files are checked and tried where there are no brokers. */
    if (argc > 1 && strcmp(argv[1], "check") == 0)
        return check(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "try") == 0)
        return try_run(argc - 2, argv + 2);
    ConfigStart start = config_start(&program, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    config.bus.client_id = "fhirbus-rules";
    int left = argc - next;
    const char *verb = left > 0 ? argv[next] : "";
    if (strcmp(verb, "list") == 0 && left == 1)
        return list(&config, NULL);
    if (strcmp(verb, "show") == 0 && left == 2)
        return list(&config, argv[next + 1]);
    if (strcmp(verb, "publish") == 0 && (left == 2 || left == 3))
        return publish(&config, argv[next + 1], left == 3 ? argv[next + 2] : NULL);
    if (strcmp(verb, "retire") == 0 && left == 2)
        return retire(&config, argv[next + 1]);
    return wrong_usage();
}
