/* fhirpath-invariants: evaluates invariants in the java dialect on every element of resources.
 *
 * usage: fhirpath-invariants INVARIANTS.jsonl < STREAM
 *   INVARIANTS: lines {"key", "expr", "type": "Patient.contact"} (every element of that type or one
 *   derived from it), plus "child": "div" (elements of that name in that type), or "profile": url,
 *   "path": "name.given" (resources that claim the profile; path may be empty).
 *   STREAM: for each resource a line "NAME BYTES", then the bytes.
 * Prints a JSON line per invariant that is not true: {"file", "key", "byte", "why"}, at last
 * {"evaluated", "resources", "seconds", "compiled"}. */
#include "common/base/buf.h"
#include "services/validator/engine/fhirpath/fhirpath.h"

enum { KEYS_MAX = 8192, NAME_MAX_BYTES = 512 };
#define CODE_BYTES ((size_t)256 << 20)
#define WORK_BYTES ((size_t)2 << 30)

typedef struct Invariant {
    Str key, code, profile, path_code;
    FhirTypeId type;
    uint16_t child;
    uint32_t next; /* of the same type; index + 1 */
} Invariant;

typedef struct Run {
    const FhirModel *model;
    Invariant invariants[KEYS_MAX];
    uint32_t count;
    uint32_t *by_type; /* index + 1 */
    Str children;      /* children() */
    uint64_t evaluated, resources;
    /* the resource in hand */
    const char *file;
    JsonDoc doc;
    FhirpathEval *eval;
    Arena *arena;
    FhirpathItem root;
} Run;

static void report(Run *run, const Invariant *invariant, const FhirpathItem *item, const char *why)
{
    const JsonNode *node = item->node ? item->node : item->extra;
    FhirpathItem text = fhirpath_string_item(str_from(why));
    Str json = fhirpath_item_json(NULL, &text, run->arena);
    printf("{\"file\":\"%s\",\"key\":\"%.*s\",\"byte\":%u,\"why\":%.*s}\n", run->file,
           STR_ARG(invariant->key), node ? node->at : 0, STR_ARG(json));
}

static void check(Run *run, const Invariant *invariant, const FhirpathItem *item)
{
    Err err = {0};
    run->evaluated++;
    switch (fhirpath_check(run->eval, invariant->code, item, &err)) {
    case FHIRPATH_TRUE:
        return;
    case FHIRPATH_FALSE:
        report(run, invariant, item, "false");
        return;
    default:
        report(run, invariant, item, err.text);
    }
}

static void check_type(Run *run, const FhirpathItem *item, FhirTypeId parent, uint16_t name)
{
    for (FhirTypeId t = item->type; t; t = run->model->types[t].base)
        for (uint32_t i = run->by_type[t]; i; i = run->invariants[i - 1].next)
            if (!run->invariants[i - 1].child)
                check(run, &run->invariants[i - 1], item);
    for (FhirTypeId t = parent; t; t = run->model->types[t].base)
        for (uint32_t i = run->by_type[t]; i; i = run->invariants[i - 1].next)
            if (run->invariants[i - 1].child && run->invariants[i - 1].child == name)
                check(run, &run->invariants[i - 1], item);
}

static uint16_t name_of(const Run *run, const FhirpathItem *item)
{
    const JsonNode *node = item->node ? item->node : item->extra;
    if (!node->name && node != json_root(item->doc))
        node = json_parent(item->doc, node);
    uint16_t plain = fhir_without_underscore(run->model, node->name);
    return plain ? plain : node->name;
}

/* An entry's resource is its own root; a contained one has its container's. */
static void walk(Run *run, const FhirpathItem *item, FhirTypeId parent, const FhirpathItem *holder,
                 const FhirpathItem *root)
{
    FhirpathItems children = {0};
    const FhirpathItem *resource = holder;
    if (!item->type)
        return;
    if (run->model->types[item->type].kind == FHIR_KIND_RESOURCE) {
        resource = item;
        if (name_of(run, item) != run->model->n_contained)
            root = item;
    }
    fhirpath_eval_resource(run->eval, resource, root);
    check_type(run, item, parent, name_of(run, item));
    if (!fhirpath_evaluate(run->eval, run->children, item, &children, NULL))
        return;
    for (size_t i = 0; i < children.count; i++)
        walk(run, &children.items[i], item->type, resource, root);
    fhirpath_eval_resource(run->eval, holder, root);
}

static bool claims(const Run *run, Str profile)
{
    const JsonNode *meta = json_get(&run->doc, json_root(&run->doc), "meta");
    const JsonNode *list = json_get(&run->doc, meta, "profile");
    if (list && list->kind == JSON_KIND_ARRAY)
        JSON_EACH(&run->doc, url, list)
    if (str_eq(json_text(url), profile))
        return true;
    return false;
}

static void check_profiles(Run *run)
{
    fhirpath_eval_resource(run->eval, &run->root, &run->root);
    for (uint32_t i = 0; i < run->count; i++) {
        const Invariant *invariant = &run->invariants[i];
        FhirpathItems items = {&run->root, 1};
        if (!invariant->profile.len || !claims(run, invariant->profile))
            continue;
        if (invariant->path_code.len &&
            !fhirpath_evaluate(run->eval, invariant->path_code, &run->root, &items, NULL))
            items.count = 0;
        for (size_t j = 0; j < items.count; j++)
            check(run, invariant, &items.items[j]);
    }
}

/* A valid example has only codes of its value sets. */
static bool is_member(void *self, const FhirpathItem *item, Str value_set, bool *ret_member)
{
    (void)self;
    (void)item;
    (void)value_set;
    *ret_member = true;
    return true;
}

static void one_resource(Run *run, const char *file, Str bytes)
{
    Err err = {0};
    JsonPosition at;
    static const FhirpathHost host = {.member_of = is_member};
    FhirpathEnvironment environment = {.model = run->model, .host = &host};
    arena_reset(run->arena);
    run->file = file;
    if (!json_read(bytes, &run->model->names, NULL, run->arena, &run->doc, &at, &err)) {
        printf("{\"file\":\"%s\",\"key\":\"json\",\"byte\":%u,\"why\":\"%s\"}\n", file, at.line,
               err.code);
        return;
    }
    run->root = fhirpath_resource_item(run->model, &run->doc, json_root(&run->doc));
    run->eval = fhirpath_eval_new(&environment, run->arena);
    if (!run->root.type || !run->eval)
        return;
    run->resources++;
    walk(run, &run->root, 0, &run->root, &run->root);
    check_profiles(run);
}

static bool compile(const FhirModel *model, Str text, Arena *arena, Str *ret_code, Err *err)
{
    FhirpathCompileOptions options = {.model = model, .dialect = FHIRPATH_JAVA};
    return fhirpath_compile(text, &options, arena, ret_code, NULL, err);
}

static bool read_invariant(Run *run, const JsonDoc *doc, Arena *arena, Err *err)
{
    const JsonNode *line = json_root(doc);
    if (run->count == KEYS_MAX)
        return ERR(err, ERR_INPUT, "count", "too many invariants");
    Invariant *invariant = &run->invariants[run->count];
    *invariant = (Invariant){.key = json_get_text(doc, line, "key"),
                             .profile = json_get_text(doc, line, "profile")};
    Str type = json_get_text(doc, line, "type"), child = json_get_text(doc, line, "child");
    Str path = json_get_text(doc, line, "path");
    Str key = {invariant->key.ptr, str_find_char(invariant->key, ' ')};
    Str meant = fhirpath_invariant_expression(key, json_get_text(doc, line, "expr"));
    TRY(compile(run->model, meant, arena, &invariant->code, err));
    if (path.len)
        TRY(compile(run->model, path, arena, &invariant->path_code, err));
    if (type.len) {
        invariant->type = fhir_type_find(run->model, type);
        invariant->child = json_name_find(&run->model->names, child);
        if (!invariant->type || (child.len && !invariant->child))
            return ERR(err, ERR_INPUT, "type", "unknown type %.*s", STR_ARG(type));
        invariant->next = run->by_type[invariant->type];
        run->by_type[invariant->type] = run->count + 1;
    }
    run->count++;
    return true;
}

static bool read_invariants(Run *run, const char *path, Arena *arena)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    bool ok = file != NULL;
    for (ssize_t len; file && (len = getline(&line, &room, file)) > 0;) {
        JsonDoc doc;
        Err err = {0};
        Str text = arena_copy(arena, (Str){line, (size_t)len});
        if (json_read(text, NULL, NULL, arena, &doc, NULL, &err) &&
            read_invariant(run, &doc, arena, &err))
            continue;
        Str key = json_get_text(&doc, json_root(&doc), "key");
        printf("{\"file\":\"\",\"key\":\"%.*s\",\"byte\":0,\"why\":\"%s\"}\n", STR_ARG(key),
               err.text);
        ok = false;
    }
    free(line);
    if (file)
        fclose(file);
    return ok;
}

int main(int argc, char **argv)
{
    ARENA_AUTO arena = arena_new(CODE_BYTES);
    ARENA_AUTO work = arena_new(WORK_BYTES);
    Run *run = ARENA_NEW(arena, Run);
    run->model = fhir_model_r4();
    run->arena = work;
    run->by_type = ARENA_ARRAY(arena, uint32_t, run->model->type_count);
    bool compiled = argc == 2 && read_invariants(run, argv[1], arena) &&
                    compile(run->model, STR("children()"), arena, &run->children, NULL);
    Buf bytes;
    buf_init(&bytes, 512U << 20);
    char name[NAME_MAX_BYTES];
    size_t size;
    clock_t start = clock();
    while (compiled && scanf("%511s %zu", name, &size) == 2 && getchar() == '\n') {
        buf_reset(&bytes);
        char *to = buf_reserve(&bytes, size);
        if (!to || fread(to, 1, size, stdin) != size)
            break;
        bytes.len = size;
        one_resource(run, name, buf_str(&bytes));
    }
    buf_clear(&bytes);
    printf("{\"evaluated\":%llu,\"resources\":%llu,\"seconds\":%.3f,\"compiled\":%u}\n",
           (unsigned long long)run->evaluated, (unsigned long long)run->resources,
           (double)(clock() - start) / CLOCKS_PER_SEC, run->count);
    return compiled ? 0 : 1;
}
