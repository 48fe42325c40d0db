/* validate_bench - what the validator costs: bytes in, OperationOutcome JSON out.
 *
 * usage: validate_bench IMAGE[,IMAGE...] SECONDS THREADS FILE...
 * Prints one JSON line: bundles, bundles per second, CPU ms per bundle, the worst file's p99 over
 * its own p50 in CPU time, resident MB, ms from start to the first verdict, and whether a warm
 * worker took memory from the system. The same work as the Java peer's bench, measured the same
 * way. */
#include <pthread.h>
#include <stdatomic.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "services/validator/engine/fhir_validator.h"

enum { IMAGES_MAX = 16, SAMPLES_PER_FILE = 4096, ARENA_BYTES = 1 << 30 };

typedef struct File {
    Buf bytes;
    double *cpu_ms; /* [SAMPLES_PER_FILE] of thread 0 */
    size_t samples;
} File;

typedef struct Bench {
    const FhirValidator *validator;
    File *files;
    size_t file_count;
    double end_s;
    atomic_size_t next;
    atomic_size_t done;
} Bench;

typedef struct Runner {
    Bench *bench;
    pthread_t thread;
    bool sampling;
    size_t blocks_taken_warm;
} Runner;

static double clock_s(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool read_file(const char *path, Buf *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    char chunk[65536];
    buf_init(bytes, (size_t)1 << 30);
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_add(bytes, (Str){chunk, got});
    fclose(file);
    return !bytes->overflowed;
}

static void serve(const FhirValidator *validator, const Buf *bytes, Arena *arena)
{
    Verdict verdict;
    Err err;
    arena_reset(arena);
    CHECK(fhir_validate(validator, buf_str(bytes), NULL, arena, &verdict, &err));
    CHECK(fhir_verdict_outcome(&verdict, arena).len > 0);
}

static void *run(void *argument)
{
    Runner *runner = argument;
    Bench *bench = runner->bench;
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < bench->file_count; i++)
        serve(bench->validator, &bench->files[i].bytes, arena);
    size_t warm = arena_blocks_taken(arena);
    while (clock_s(CLOCK_MONOTONIC) < bench->end_s) {
        File *file = &bench->files[atomic_fetch_add(&bench->next, 1) % bench->file_count];
        double start = clock_s(CLOCK_THREAD_CPUTIME_ID);
        serve(bench->validator, &file->bytes, arena);
        if (runner->sampling && file->samples < SAMPLES_PER_FILE)
            file->cpu_ms[file->samples++] = 1e3 * (clock_s(CLOCK_THREAD_CPUTIME_ID) - start);
        atomic_fetch_add(&bench->done, 1);
    }
    runner->blocks_taken_warm = arena_blocks_taken(arena) - warm;
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The largest p99 / p50 of any file with enough samples; 0 without one. */
static double worst_spread(const Bench *bench)
{
    double worst = 0;
    for (size_t i = 0; i < bench->file_count; i++) {
        File *file = &bench->files[i];
        if (file->samples < 100)
            continue;
        qsort(file->cpu_ms, file->samples, sizeof *file->cpu_ms, by_value);
        double spread = file->cpu_ms[file->samples * 99 / 100] / file->cpu_ms[file->samples / 2];
        worst = spread > worst ? spread : worst;
    }
    return worst;
}

static unsigned resident_mb(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    unsigned kb = 0;
    char line[256];
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %u kB", &kb) == 1)
            break;
    if (status)
        fclose(status);
    return kb / 1024;
}

static FhirValidator *open_images(char *list)
{
    const char *paths[IMAGES_MAX];
    size_t count = 0;
    char *rest = list;
    for (char *path; count < IMAGES_MAX && (path = strsep(&rest, ","));)
        paths[count++] = path;
    FhirValidator *validator = NULL;
    Err err = {0};
    if (!fhir_validator_open(paths, count, &validator, &err))
        fprintf(stderr, "%s: %s\n", err.code, err.text);
    return validator;
}

int main(int argc, char **argv)
{
    double born_s = clock_s(CLOCK_MONOTONIC);
    if (argc < 5)
        return fprintf(stderr, "usage: validate_bench IMAGE[,...] SECONDS THREADS FILE...\n"), 2;
    double seconds = strtod(argv[2], NULL);
    size_t threads = strtoul(argv[3], NULL, 10);
    size_t files = (size_t)argc - 4;
    Bench bench = {.file_count = files, .files = calloc(files, sizeof *bench.files)};
    for (size_t i = 0; i < files; i++) {
        if (!read_file(argv[i + 4], &bench.files[i].bytes))
            return fprintf(stderr, "cannot read %s\n", argv[i + 4]), 2;
        bench.files[i].cpu_ms = calloc(SAMPLES_PER_FILE, sizeof(double));
    }
    FhirValidator *validator = open_images(argv[1]);
    if (!validator || threads < 1 || threads > 64)
        return 2;
    bench.validator = validator;
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    serve(validator, &bench.files[0].bytes, arena);
    double first_ms = 1e3 * (clock_s(CLOCK_MONOTONIC) - born_s);

    double start = clock_s(CLOCK_MONOTONIC);
    double cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    bench.end_s = start + seconds;
    Runner runners[64] = {0};
    for (size_t i = 0; i < threads; i++) {
        runners[i] = (Runner){.bench = &bench, .sampling = i == 0};
        CHECK(pthread_create(&runners[i].thread, NULL, run, &runners[i]) == 0);
    }
    size_t blocks = 0;
    for (size_t i = 0; i < threads; i++) {
        pthread_join(runners[i].thread, NULL);
        blocks += runners[i].blocks_taken_warm;
    }
    double wall = clock_s(CLOCK_MONOTONIC) - start;
    cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    /* The warm-up rounds are work too. */
    double bundles = (double)(atomic_load(&bench.done) + threads * files);
    printf("{\"validator\":\"fhirbus\",\"threads\":%zu,\"first_verdict_ms\":%.1f,\"bundles\":%.0f,"
           "\"bundles_per_s\":%.1f,\"cpu_ms_per_bundle\":%.4f,\"worst_p99_over_p50\":%.2f,"
           "\"rss_mb\":%u,\"blocks_taken_warm\":%zu}\n",
           threads, first_ms, bundles, bundles / wall, 1e3 * cpu / bundles, worst_spread(&bench),
           resident_mb(), blocks);
    fhir_validator_close(validator);
    for (size_t i = 0; i < files; i++) {
        buf_clear(&bench.files[i].bytes);
        free(bench.files[i].cpu_ms);
    }
    free(bench.files);
    return 0;
}
