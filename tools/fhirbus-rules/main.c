/* fhirbus-rules: checks, tries, publishes, lists and retires the rules of the catalog. */
#include <stdio.h>
#include <string.h>

#include "common/bus/bus_options.h"
#include "common/catalog/administer.h"
#include "common/config/config.h"
#include "common/rules/book.h"
#include "tools/fhirbus-rules/files.h"
#include "tools/fhirbus-rules/try.h"

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

static int wrong_usage(void)
{
    fprintf(stderr, "fhirbus-rules: check, try, publish, list, show or retire\n%s%s", usage,
            try_usage);
    return 2;
}

/* --- what a rule file is, and how a set is shown ----------------------------------------------
 */
static bool check(const Administration *self, AdministerFile *file)
{
    RuleSet *set = NULL;
    (void)self;
    if (!rules_file_check(file->path, file->text, &set))
        return false;
    snprintf(file->name, sizeof file->name, "%.*s", STR_ARG(set->name));
    snprintf(file->about, sizeof file->about, "%.*s, %zu rules", STR_ARG(set->name), set->total);
    rules_free(set);
    return true;
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

static void print_rest(const CatalogRun *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (str_is(run->entries[i].object->name, "default"))
            return;
    puts("default  built in");
}

static Str built_in(const char *name)
{
    return strcmp(name, "default") == 0 ? rules_default_file() : STR_NONE;
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
    Administration rules = {
        .program = "fhirbus-rules",
        .kind = &rules_catalog_kind,
        .file_bytes_max = RULES_FILE_BYTES_MAX,
        .name_bytes_max = OBJECT_ID_BYTES_MAX,
        .removed = "retired",
        .check = check,
        .print = print_set,
        .print_rest = print_rest,
        .built_in = built_in,
    };
    ARENA_AUTO arena = arena_new(1 << 20);
    ToolConfig config = {0};
    int next = 0;
    snprintf(about, sizeof about, "%s%s", try_usage, usage);
    /* Files are checked and tried where there are no brokers. */
    if (argc > 1 && strcmp(argv[1], "check") == 0)
        return argc > 2 ? administer_check(&rules, argc - 2, argv + 2) : wrong_usage();
    if (argc > 1 && strcmp(argv[1], "try") == 0)
        return try_run(argc - 2, argv + 2);
    ConfigStart start = config_start(&program, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    config.bus.client_id = "fhirbus-rules";
    rules.bus = &config.bus;
    rules.by = config.by;
    rules.comment = config.comment;
    int left = argc - next;
    char **words = argv + next;
    const char *verb = left > 0 ? words[0] : "";
    if (strcmp(verb, "list") == 0 && left == 1)
        return administer_list(&rules);
    if (strcmp(verb, "show") == 0 && left == 2)
        return administer_show(&rules, words[1]);
    if (strcmp(verb, "publish") == 0 && (left == 2 || left == 3))
        return administer_publish(&rules, NULL, words[1], left == 3 ? words[2] : NULL);
    if (strcmp(verb, "retire") == 0 && left == 2)
        return administer_remove(&rules, words[1]);
    return wrong_usage();
}
