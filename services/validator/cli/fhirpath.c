/* fhirpath: evaluates FHIRPath expressions on a resource: one, a list of them, or a dialogue. */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "services/validator/engine/fhirpath/fhirpath.h"

enum {
    EXIT_OK = 0,
    EXIT_EXPRESSION = 1,
    EXIT_USAGE = 2,
    FILE_BYTES_MAX = 512 * 1024 * 1024,
};
#define ARENA_BYTES ((size_t)1 << 30)

static const char help[] =
    "usage: fhirpath [-f RESOURCE.json] [options] EXPRESSION\n"
    "       fhirpath --batch LIST.jsonl [options]\n"
    "       fhirpath [-f RESOURCE.json] [options]        (on a terminal: a dialogue)\n"
    "\n"
    "Evaluates a FHIRPath expression and prints the results as a JSON array.\n"
    "\n"
    "  -f, --file FILE      the resource (FHIR R4 JSON); - is standard input\n"
    "  -t, --types          print {\"type\", \"value\"} for each result\n"
    "  -d, --dialect NAME   spec (default) or java: lenient as the HL7 Java core with invariants\n"
    "  -c, --context EXPR   evaluate on each result of EXPR instead of the resource\n"
    "  -m, --mode MODE      strict: refuse what can never yield anything;\n"
    "                       lenient/polymorphics: take JSON's names (valueQuantity)\n"
    "  -p, --print          print the expression with the fewest parentheses; evaluate nothing\n"
    "  -b, --batch FILE     lines {\"id\", \"file\", \"expr\"[, \"mode\", \"context\"]}; file is\n"
    "                       relative to the list, absolute or null. Prints, line for line,\n"
    "                       {\"id\", \"result\": [{\"type\", \"value\"}], \"error\": null | text}\n"
    "  -h, --help           this text\n"
    "\n"
    "Exit: 0 done; 1 the expression is wrong or cannot be evaluated; 2 usage, unreadable input.\n"
    "With --batch errors stand in the lines: 0 when all lines were answered, 2 otherwise.\n";

typedef struct Job {
    Str expression, context;
    const char *file; /* NULL: no resource */
    FhirpathDialect dialect;
    bool strict, json_names, types, print_only;
} Job;

typedef struct Resource {
    Arena *arena;
    char *path;
    Str bytes;
    JsonDoc doc;
    bool loaded;
} Resource;

/* --- files -------------------------------------------------------------------------------------
 */

static bool read_file(const char *path, Arena *arena, Str *ret_bytes, Err *err)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    if (!file)
        return ERR(err, ERR_INPUT, "file", "cannot read %s: %s", path, strerror(errno));
    Buf buf;
    buf_init(&buf, FILE_BYTES_MAX);
    for (;;) {
        char *to = buf_reserve(&buf, 1 << 16);
        size_t got = to ? fread(to, 1, 1 << 16, file) : 0;
        buf.len += got;
        if (got == 0)
            break;
    }
    bool failed = ferror(file) || buf.overflowed;
    if (!standard)
        fclose(file);
    Str copy = failed ? STR_NONE : arena_copy(arena, buf_str(&buf));
    buf_clear(&buf);
    if (!copy.ptr)
        return ERR(err, ERR_INPUT, "file", "cannot read %s", path);
    *ret_bytes = copy;
    return true;
}

static void resource_clear(Resource *resource)
{
    arena_free(resource->arena);
    free(resource->path);
    *resource = (Resource){0};
}

/* The last file read stays: lists tend to name the same one many times. */
static bool resource_load(Resource *resource, const char *path, Err *err)
{
    JsonPosition at;
    JsonLimits limits = {0};
    if (resource->loaded && strcmp(resource->path, path) == 0)
        return true;
    resource_clear(resource);
    resource->arena = arena_new(ARENA_BYTES);
    resource->path = strdup(path);
    if (!read_file(path, resource->arena, &resource->bytes, err))
        return false;
    Err why = {0};
    if (!json_read(resource->bytes, &fhir_model_r4()->names, &limits, resource->arena,
                   &resource->doc, &at, &why))
        return ERR(err, ERR_INPUT, "file", "%s: line %u, column %u: %s", path, at.line, at.column,
                   why.text);
    resource->loaded = true;
    return true;
}

/* --- evaluating --------------------------------------------------------------------------------
 */

static void trace(void *self, Str name, FhirpathItems items)
{
    Arena *arena = self;
    for (size_t i = 0; i < items.count; i++) {
        Str json = fhirpath_item_json(fhir_model_r4(), &items.items[i], arena);
        fprintf(stderr, "trace %.*s: %.*s\n", STR_ARG(name), STR_ARG(json));
    }
}

static bool compile(const Job *job, Str text, FhirTypeId context, Arena *arena, Str *ret_code,
                    Err *err)
{
    FhirpathCompileOptions options = {
        .model = fhir_model_r4(),
        .dialect = job->dialect,
        .context = context,
        .strict = job->strict,
        .polymorphic_json_names = job->json_names,
    };
    return fhirpath_compile(text, &options, arena, ret_code, NULL, err);
}

typedef struct Sink { /* results so far */
    Arena *arena;
    FhirpathItem *items;
    size_t count, room;
} Sink;

static bool sink_add(Sink *sink, FhirpathItems more)
{
    if (sink->count + more.count > sink->room) {
        size_t room = (sink->count + more.count) * 2;
        FhirpathItem *grown = arena_alloc(sink->arena, room * sizeof *grown);
        if (!grown)
            return false;
        if (sink->count)
            memcpy(grown, sink->items, sink->count * sizeof *grown);
        sink->items = grown;
        sink->room = room;
    }
    if (more.count)
        memcpy(sink->items + sink->count, more.items, more.count * sizeof *more.items);
    sink->count += more.count;
    return true;
}

/* Evaluates on the focus, or on each result of the context expression. */
static bool evaluate(const Job *job, FhirpathEval *eval, const FhirpathItem *focus, Arena *arena,
                     Sink *sink, Err *err)
{
    Str code;
    FhirpathItems foci = {focus, focus ? 1 : 0}, results;
    if (job->context.len) {
        if (!compile(job, job->context, focus ? focus->type : 0, arena, &code, err) ||
            !fhirpath_evaluate(eval, code, focus, &foci, err))
            return false;
    }
    FhirTypeId type = foci.count == 1 && foci.items->kind == FHIRPATH_NODE ? foci.items->type : 0;
    if (!compile(job, job->expression, type, arena, &code, err))
        return false;
    if (!focus && !job->context.len)
        return fhirpath_evaluate(eval, code, NULL, &results, err) && sink_add(sink, results);
    for (size_t i = 0; i < foci.count; i++)
        if (!fhirpath_evaluate(eval, code, &foci.items[i], &results, err) ||
            !sink_add(sink, results))
            return false;
    return true;
}

static bool run(const Job *job, const Resource *resource, Arena *arena, Sink *sink, Err *err)
{
    FhirpathHost host = {.self = arena, .trace = trace};
    FhirpathEnvironment environment = {.model = fhir_model_r4(), .host = &host};
    FhirpathEval *eval = fhirpath_eval_new(&environment, arena);
    if (!eval)
        return ERR(err, ERR_INPUT, "memory-limit", "not enough memory");
    if (!resource)
        return evaluate(job, eval, NULL, arena, sink, err);
    FhirpathItem root =
        fhirpath_resource_item(environment.model, &resource->doc, json_root(&resource->doc));
    fhirpath_eval_resource(eval, &root, &root);
    return evaluate(job, eval, &root, arena, sink, err);
}

/* --- printing ----------------------------------------------------------------------------------
 */

static void put_json_text(Str text)
{
    Arena *arena = arena_new(ARENA_BYTES);
    FhirpathItem item = fhirpath_string_item(text);
    Str json = fhirpath_item_json(NULL, &item, arena);
    fwrite(json.ptr, 1, json.len, stdout);
    arena_free(arena);
}

static bool is_number(const FhirpathItem *item)
{
    return item->kind == FHIRPATH_INTEGER || item->kind == FHIRPATH_DECIMAL ||
           (item->kind == FHIRPATH_NODE && item->node && item->node->kind == JSON_KIND_NUMBER);
}

/* text_numbers: numbers as strings, as the list's contract has it. */
static void put_items(const Sink *sink, bool types, bool text_numbers)
{
    putchar('[');
    for (size_t i = 0; i < sink->count; i++) {
        const FhirpathItem *item = &sink->items[i];
        Str json = is_number(item) && !text_numbers
                       ? fhirpath_item_text(item, sink->arena)
                       : fhirpath_item_json(fhir_model_r4(), item, sink->arena);
        Str type = fhirpath_item_type_name(fhir_model_r4(), item);
        if (i)
            putchar(',');
        if (types)
            printf("{\"type\":\"%.*s\",\"value\":", STR_ARG(type));
        fwrite(json.ptr, 1, json.len, stdout);
        if (types)
            putchar('}');
    }
    putchar(']');
}

/* --- one expression ----------------------------------------------------------------------------
 */

static int complain(const Err *err)
{
    fprintf(stderr, "fhirpath: %s\n", err->text);
    return strcmp(err->code, "file") == 0 ? EXIT_USAGE : EXIT_EXPRESSION;
}

static int run_one(const Job *job, Resource *resource)
{
    Err err = {0};
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    Sink sink = {.arena = arena};
    if (job->print_only) {
        Str code;
        if (!compile(job, job->expression, 0, arena, &code, &err))
            return complain(&err);
        Str text = fhirpath_print(code, arena);
        printf("%.*s\n", STR_ARG(text));
        return EXIT_OK;
    }
    if (job->file && !resource_load(resource, job->file, &err))
        return complain(&err);
    if (!run(job, job->file ? resource : NULL, arena, &sink, &err))
        return complain(&err);
    put_items(&sink, job->types, false);
    putchar('\n');
    return EXIT_OK;
}

static int run_dialogue(Job *job, Resource *resource)
{
    char *line = NULL;
    size_t room = 0;
    printf("FHIRPath, %s dialect. One expression a line; end with Ctrl-D.\n",
           job->dialect == FHIRPATH_JAVA ? "java" : "spec");
    for (;;) {
        printf("> ");
        fflush(stdout);
        ssize_t len = getline(&line, &room, stdin);
        if (len < 0)
            break;
        job->expression = str_trim((Str){line, (size_t)len});
        if (job->expression.len && run_one(job, resource) == EXIT_USAGE)
            break;
        fflush(stderr);
    }
    putchar('\n');
    free(line);
    return EXIT_OK;
}

/* --- a list of expressions ---------------------------------------------------------------------
 */

static bool set_mode(Job *job, Str mode)
{
    job->strict = str_is(mode, "strict");
    job->json_names = str_is(mode, "lenient/polymorphics");
    return job->strict || job->json_names || mode.len == 0 || str_is(mode, "lenient");
}

static Str member_text(const JsonDoc *doc, const JsonNode *line, const char *name)
{
    Str text = json_get_text(doc, line, name);
    return text.ptr ? text : STR("");
}

/* A line's job; false: it is no such line. `file` is made relative to the list's folder. */
static bool read_line(const JsonDoc *doc, const Job *usual, const char *folder, Arena *arena,
                      Job *ret, Err *err)
{
    const JsonNode *line = json_root(doc);
    *ret = *usual;
    ret->types = true;
    if (line->kind != JSON_KIND_OBJECT || !json_get_text(doc, line, "expr").ptr)
        return ERR(err, ERR_INPUT, "line", "expected an object with id, file and expr");
    ret->expression = json_get_text(doc, line, "expr");
    if (json_get_text(doc, line, "context").ptr)
        ret->context = json_get_text(doc, line, "context");
    Str mode = member_text(doc, line, "mode"), file = json_get_text(doc, line, "file");
    if (json_get(doc, line, "mode") && !set_mode(ret, mode))
        return ERR(err, ERR_INPUT, "line", "unknown mode, expected strict or lenient/polymorphics");
    if (!file.ptr)
        return true;
    bool absolute = file.len && file.ptr[0] == '/';
    ret->file =
        arena_format(arena, "%s%s%.*s", absolute ? "" : folder, absolute ? "" : "/", STR_ARG(file))
            .ptr;
    return true;
}

static void answer_line(Str text, const Job *usual, const char *folder, Resource *resource,
                        Arena *arena)
{
    Err err = {0};
    JsonDoc doc = {0};
    JsonPosition at;
    Job job;
    Sink sink = {.arena = arena};
    Str id = STR("null");
    bool ok = json_read(text, NULL, NULL, arena, &doc, &at, &err);
    if (ok) {
        const JsonNode *given = json_get(&doc, json_root(&doc), "id");
        if (given)
            id = str_cut(text, given->at, given->end);
        ok = read_line(&doc, usual, folder, arena, &job, &err) &&
             (!job.file || resource_load(resource, job.file, &err)) &&
             run(&job, job.file ? resource : NULL, arena, &sink, &err);
    }
    printf("{\"id\":%.*s,\"result\":", STR_ARG(id));
    if (!ok)
        sink.count = 0;
    put_items(&sink, true, true);
    printf(",\"error\":");
    if (ok)
        printf("null");
    else
        put_json_text(str_from(err.text));
    printf("}\n");
}

static int run_batch(const char *path, const Job *usual, Resource *resource)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *list = standard ? stdin : fopen(path, "r");
    if (!list) {
        fprintf(stderr, "fhirpath: cannot read %s: %s\n", path, strerror(errno));
        return EXIT_USAGE;
    }
    char *copy = strdup(path), *line = NULL;
    const char *folder = standard ? "." : dirname(copy);
    size_t room = 0;
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    for (ssize_t len; (len = getline(&line, &room, list)) >= 0;) {
        Str text = str_trim((Str){line, (size_t)len});
        if (text.len)
            answer_line(text, usual, folder, resource, arena);
        arena_reset(arena);
    }
    bool failed = ferror(list) != 0;
    free(line);
    free(copy);
    if (!standard)
        fclose(list);
    return failed || fflush(stdout) != 0 ? EXIT_USAGE : EXIT_OK;
}

/* --- arguments ---------------------------------------------------------------------------------
 */

static int usage(const char *why)
{
    fprintf(stderr, "fhirpath: %s\n\n%s", why, help);
    return EXIT_USAGE;
}

static const struct option long_options[] = {
    {"file",             required_argument, NULL, 'f'},
    {"types",              no_argument, NULL, 't'},
    {"dialect",                  required_argument, NULL, 'd'},
    {"context",required_argument, NULL, 'c'},
    {"mode",               required_argument, NULL, 'm'},
    {"print",          no_argument, NULL, 'p'},
    {"batch",              required_argument, NULL, 'b'},
    {"help",                  no_argument, NULL, 'h'},
    {0       },
};

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, Job *job, const char **ret_batch)
{
    for (int c; (c = getopt_long(argc, argv, "f:td:c:m:pb:h", long_options, NULL)) != -1;) {
        Str value = str_from(optarg);
        switch (c) {
        case 'f':
            job->file = optarg;
            break;
        case 't':
            job->types = true;
            break;
        case 'd':
            if (!str_is(value, "spec") && !str_is(value, "java"))
                return usage("unknown dialect, expected spec or java");
            job->dialect = str_is(value, "java") ? FHIRPATH_JAVA : FHIRPATH_SPEC;
            break;
        case 'c':
            job->context = value;
            break;
        case 'm':
            if (!set_mode(job, value))
                return usage("unknown mode, expected strict or lenient/polymorphics");
            break;
        case 'p':
            job->print_only = true;
            break;
        case 'b':
            *ret_batch = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return EXIT_OK;
        default:
            fputs(help, stderr);
            return EXIT_USAGE;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    Job job = {0};
    Resource resource = {0};
    const char *batch = NULL;
    int code = read_options(argc, argv, &job, &batch);
    if (code >= 0)
        return code;
    if (batch && optind < argc)
        return usage("a list and an expression: expected one of them");
    if (optind + 1 < argc)
        return usage("expected one expression; quote it");
    if (batch) {
        code = run_batch(batch, &job, &resource);
    } else if (optind < argc) {
        job.expression = str_from(argv[optind]);
        code = run_one(&job, &resource);
    } else if (isatty(STDIN_FILENO)) {
        code = run_dialogue(&job, &resource);
    } else {
        return usage("expected an expression");
    }
    resource_clear(&resource);
    if (fflush(stdout) != 0 && code == EXIT_OK)
        code = EXIT_USAGE;
    return code;
}
