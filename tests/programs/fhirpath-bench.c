/* fhirpath-bench: evaluations per CPU-second; nanoseconds per element of ele-1; allocations.
 *
 * usage: fhirpath-bench DATA EXPRESSIONS SECONDS BUNDLE
 * Prints a JSON line per expression {"file", "expr", "rate", "count"}, at last
 * {"ele1_ns", "elements", "mallocs", "blocks"}: what the warm path took from the system. */
#include "common/base/buf.h"
#include "services/validator/engine/fhirpath/fhirpath.h"

/* Our own malloc counts calls; under a sanitizer it has to stay the sanitizer's. */
static unsigned long mallocs;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t bytes);
void *malloc(size_t bytes)
{
    mallocs++;
    return __libc_malloc(bytes);
}
#endif

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool read_document(const char *folder, Str file, Arena *arena, JsonDoc *ret)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%.*s", folder, STR_ARG(file));
    FILE *in = fopen(path, "rb");
    Buf buf;
    buf_init(&buf, 256U << 20);
    for (size_t got = 1; in && got;) {
        char *to = buf_reserve(&buf, 1 << 16);
        got = to ? fread(to, 1, 1 << 16, in) : 0;
        buf.len += got;
    }
    if (in)
        fclose(in);
    Str bytes = arena_copy(arena, buf_str(&buf));
    buf_clear(&buf);
    return in && json_read(bytes, &fhir_model_r4()->names, NULL, arena, ret, NULL, NULL);
}

static bool compile(Str text, FhirpathDialect dialect, Arena *arena, Str *ret_code)
{
    FhirpathCompileOptions options = {.model = fhir_model_r4(), .dialect = dialect};
    return fhirpath_compile(text, &options, arena, ret_code, NULL, NULL);
}

/* One evaluator for the resource, as a validator has it, but told to remember no results. */
static bool evaluate(Arena *arena, FhirpathEval *eval, const FhirpathItem *root, Str code,
                     size_t *ret_count)
{
    FhirpathItems items;
    ArenaMark mark = arena_mark(arena);
    if (!fhirpath_evaluate(eval, code, root, &items, NULL))
        return false;
    *ret_count = items.count;
    arena_release(arena, mark);
    return true;
}

static void bench_line(const char *folder, Str line, double seconds)
{
    ARENA_AUTO fixed = arena_new((size_t)1 << 30);
    ARENA_AUTO scratch = arena_new((size_t)1 << 30);
    Str file, text = line, code;
    JsonDoc doc;
    size_t count = 0;
    str_split(&text, '\t', &file);
    if (!read_document(folder, file, fixed, &doc) || !compile(text, FHIRPATH_SPEC, fixed, &code)) {
        fprintf(stderr, "cannot run: %.*s\n", STR_ARG(line));
        return;
    }
    FhirpathItem root = fhirpath_resource_item(fhir_model_r4(), &doc, json_root(&doc));
    FhirpathEnvironment environment = {.model = fhir_model_r4(), .forget = true};
    FhirpathEval *eval = fhirpath_eval_new(&environment, scratch);
    FhirpathItems first;
    fhirpath_eval_resource(eval, &root, &root);
    bool ok = fhirpath_evaluate(eval, code, &root, &first, NULL); /* the stack grows to its size */
    double start = cpu_seconds(), used;
    unsigned long runs = 0;
    do {
        for (int i = 0; i < 100; i++)
            ok = ok && evaluate(scratch, eval, &root, code, &count);
        runs += 100;
        used = cpu_seconds() - start;
    } while (ok && used < seconds);
    FhirpathItem expr = fhirpath_string_item(text);
    Str json = fhirpath_item_json(NULL, &expr, scratch);
    printf("{\"file\":\"%.*s\",\"expr\":%.*s,\"rate\":%.1f,\"count\":%zu}\n", STR_ARG(file),
           STR_ARG(json), ok ? (double)runs / used : 0.0, count);
}

typedef struct Elements {
    FhirpathItem *items;
    size_t count;
} Elements;

/* All elements of the resource: what a validator asks ele-1 of. */
static Elements elements_of(const FhirpathItem *root, Arena *arena)
{
    FhirpathEnvironment environment = {.model = fhir_model_r4()};
    FhirpathEval *eval = fhirpath_eval_new(&environment, arena);
    FhirpathItems items = {0};
    Str code;
    if (!compile(STR("descendants()"), FHIRPATH_JAVA, arena, &code) ||
        !fhirpath_evaluate(eval, code, root, &items, NULL))
        return (Elements){0};
    FhirpathItem *copy = arena_alloc(arena, (items.count + 1) * sizeof *copy);
    memcpy(copy, items.items, items.count * sizeof *copy);
    return (Elements){copy, items.count};
}

static void bench_ele1(const char *bundle, double seconds)
{
    ARENA_AUTO fixed = arena_new((size_t)1 << 30);
    ARENA_AUTO scratch = arena_new((size_t)1 << 30);
    FhirpathEnvironment environment = {.model = fhir_model_r4()};
    JsonDoc doc;
    Str code;
    if (!read_document("/", str_from(bundle), fixed, &doc) ||
        !compile(STR("hasValue() or (children().count() > id.count())"), FHIRPATH_JAVA, fixed,
                 &code))
        return;
    FhirpathItem root = fhirpath_resource_item(fhir_model_r4(), &doc, json_root(&doc));
    Elements all = elements_of(&root, fixed);
    FhirpathEval *eval = fhirpath_eval_new(&environment, scratch);
    fhirpath_eval_resource(eval, &root, &root);
    size_t holds = 0;
    for (size_t i = 0; i < all.count; i++)
        holds += fhirpath_check(eval, code, &all.items[i], NULL) == FHIRPATH_TRUE;
    unsigned long before = mallocs, checks = 0;
    size_t blocks = arena_blocks_taken(scratch);
    double start = cpu_seconds(), used;
    do {
        for (size_t i = 0; i < all.count; i++)
            holds += fhirpath_check(eval, code, &all.items[i], NULL) == FHIRPATH_TRUE;
        checks += all.count;
        used = cpu_seconds() - start;
    } while (used < seconds);
    printf("{\"ele1_ns\":%.1f,\"elements\":%zu,\"mallocs\":%lu,\"blocks\":%zu,\"held\":%zu}\n",
           used / (double)checks * 1e9, all.count, mallocs - before,
           arena_blocks_taken(scratch) - blocks, holds);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: fhirpath-bench DATA EXPRESSIONS SECONDS BUNDLE\n");
        return 2;
    }
    FILE *list = fopen(argv[2], "r");
    char *line = NULL;
    size_t room = 0;
    double seconds = strtod(argv[3], NULL);
    for (ssize_t len; list && (len = getline(&line, &room, list)) > 0;) {
        Str text = str_trim((Str){line, (size_t)len});
        if (text.len && text.ptr[0] != '#')
            bench_line(argv[1], text, seconds);
    }
    free(line);
    if (list)
        fclose(list);
    bench_ele1(argv[4], seconds);
    return list ? 0 : 1;
}
