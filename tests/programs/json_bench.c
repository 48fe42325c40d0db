/* json_bench - how fast the JSON reader is, with names interned and positions kept.
 * usage: json_bench FILE...   prints {"files", "mb", "values", "rate"}: MB per CPU-second, best
 * round
 */
#include <time.h>

#include "common/base/buf.h"
#include "common/fhir/model.h"

enum { ROUNDS = 9 };

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool read_file(const char *path, Buf *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    char chunk[65536];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_add(bytes, (Str){chunk, got});
    fclose(file);
    return !bytes->overflowed;
}

/* One pass over all files; the nodes read, or 0 on the first refusal. */
static size_t read_all(Buf *files, int count, Arena *arena)
{
    size_t nodes = 0;
    for (int i = 0; i < count; i++) {
        JsonDoc doc;
        Err err;
        arena_reset(arena);
        if (!json_read(buf_str(&files[i]), &fhir_model_r4()->names, NULL, arena, &doc, NULL, &err))
            return 0;
        nodes += doc.count;
    }
    return nodes;
}

int main(int argc, char **argv)
{
    int count = argc - 1;
    Buf *files = calloc((size_t)count + 1, sizeof *files);
    ARENA_AUTO arena = arena_new((size_t)1 << 32);
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        buf_init(&files[i], (size_t)1 << 30);
        if (!read_file(argv[i + 1], &files[i]))
            return fprintf(stderr, "cannot read %s\n", argv[i + 1]), 2;
        bytes += files[i].len;
    }
    double best_s = 0;
    size_t nodes = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_s();
        nodes = read_all(files, count, arena);
        double took = cpu_s() - start;
        if (round == 0 || took < best_s)
            best_s = took;
    }
    if (!nodes)
        return fprintf(stderr, "no file could be read as JSON\n"), 2;
    printf("{\"files\":%d,\"mb\":%.1f,\"values\":%zu,\"rate\":%.0f}\n", count, (double)bytes / 1e6,
           nodes, (double)bytes / best_s / 1e6);
    for (int i = 0; i < count; i++)
        buf_clear(&files[i]);
    free(files);
    return 0;
}
