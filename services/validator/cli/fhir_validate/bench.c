#include "services/validator/cli/fhir_validate/bench.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "services/validator/engine/fhir_validator.h"

enum { THREADS_MAX = 64, FILES_MAX = 4096, SAMPLES_MAX = 1 << 20, FILE_BYTES_MAX = 1 << 30 };
static const size_t ARENA_BYTES = (size_t)2 << 30;

typedef struct Bench {
    const char *images[16];
    size_t image_count;
    double seconds;
    unsigned threads;
    Buf *files;
    size_t file_count;
    FhirValidator *validator;
} Bench;

/* One thread's work and what it measured. */
typedef struct Runner {
    const Bench *bench;
    pthread_t thread;
    uint64_t documents, bytes, outcome_bytes;
    double cpu_s;
    float *samples_ms; /* CPU time of each document */
    size_t sample_count;
    bool failed;
} Runner;

static double now_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool run_one(Runner *runner, Arena *arena, const Buf *file)
{
    Verdict verdict;
    Err err = {0};
    double start = now_s(CLOCK_THREAD_CPUTIME_ID);
    arena_reset(arena);
    if (!fhir_validate(runner->bench->validator, buf_str(file), NULL, arena, &verdict, &err))
        return false;
    Str outcome = fhir_verdict_outcome(&verdict, arena);
    double cpu = now_s(CLOCK_THREAD_CPUTIME_ID) - start;
    runner->cpu_s += cpu;
    runner->documents++;
    runner->bytes += file->len;
    runner->outcome_bytes += outcome.len;
    if (runner->sample_count < SAMPLES_MAX)
        runner->samples_ms[runner->sample_count++] = (float)(cpu * 1e3);
    return outcome.ptr != NULL;
}

static void *run(void *argument)
{
    Runner *runner = argument;
    const Bench *bench = runner->bench;
    Arena *arena = arena_new(ARENA_BYTES);
    runner->failed = arena == NULL;
    double end = now_s(CLOCK_MONOTONIC) + bench->seconds;
    for (size_t round = 0; !runner->failed && now_s(CLOCK_MONOTONIC) < end; round++) {
        for (size_t i = 0; i < bench->file_count && !runner->failed; i++)
            runner->failed = !run_one(runner, arena, &bench->files[i]);
        if (round == 0) { /* the first round warms the caches and takes the memory */
            runner->documents = runner->bytes = runner->outcome_bytes = 0;
            runner->sample_count = 0;
            runner->cpu_s = 0;
        }
    }
    arena_free(arena);
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile(const float *sorted, size_t count, double p)
{
    return count ? (double)sorted[(size_t)(p * (double)(count - 1))] : 0;
}

static void show(const Bench *bench, Runner *runners, double wall_s)
{
    uint64_t documents = 0;
    uint64_t bytes = 0;
    double cpu_s = 0;
    size_t samples = 0;
    for (unsigned i = 0; i < bench->threads; i++) {
        documents += runners[i].documents;
        bytes += runners[i].bytes;
        cpu_s += runners[i].cpu_s;
        samples += runners[i].sample_count;
    }
    float *all = malloc((samples + 1) * sizeof *all);
    size_t at = 0;
    for (unsigned i = 0; all && i < bench->threads; i++) {
        memcpy(all + at, runners[i].samples_ms, runners[i].sample_count * sizeof *all);
        at += runners[i].sample_count;
    }
    if (all)
        qsort(all, at, sizeof *all, by_size);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"threads\":%u,\"files\":%zu,\"documents\":%llu,\"seconds\":%.3f,"
           "\"bundles_per_s\":%.1f,\"mb_per_s\":%.1f,\"cpu_ms_per_bundle\":%.4f,\"p50_ms\":%.4f,"
           "\"p99_ms\":%.4f,\"rss_mb\":%.1f}\n",
           bench->threads, bench->file_count, (unsigned long long)documents, wall_s,
           (double)documents / wall_s, (double)bytes / 1e6 / wall_s,
           documents ? cpu_s * 1e3 / (double)documents : 0, all ? percentile(all, at, 0.5) : 0,
           all ? percentile(all, at, 0.99) : 0, (double)usage.ru_maxrss / 1024);
    free(all);
}

static int run_threads(const Bench *bench)
{
    Runner *runners = calloc(bench->threads, sizeof *runners);
    if (!runners)
        return 2;
    double start = now_s(CLOCK_MONOTONIC);
    unsigned started = 0;
    for (; started < bench->threads; started++) {
        runners[started].bench = bench;
        runners[started].samples_ms = malloc(SAMPLES_MAX * sizeof(float));
        if (!runners[started].samples_ms ||
            pthread_create(&runners[started].thread, NULL, run, &runners[started]) != 0)
            break;
    }
    bool failed = started < bench->threads;
    for (unsigned i = 0; i < started; i++) {
        pthread_join(runners[i].thread, NULL);
        failed = failed || runners[i].failed;
    }
    if (!failed)
        show(bench, runners, now_s(CLOCK_MONOTONIC) - start);
    else
        fputs("fhir-validate: bench: out of memory or threads\n", stderr);
    for (unsigned i = 0; i < bench->threads; i++)
        free(runners[i].samples_ms);
    free(runners);
    return failed ? 2 : 0;
}

static bool read_file(const char *path, Buf *ret)
{
    buf_init(ret, FILE_BYTES_MAX);
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return false;
    for (;;) {
        char *room = buf_reserve(ret, 1 << 16);
        size_t got = room ? fread(room, 1, 1 << 16, stream) : 0;
        if (got == 0)
            break;
        ret->len += got;
    }
    bool ok = !ferror(stream) && !ret->overflowed;
    fclose(stream);
    return ok;
}

static bool parse(Bench *bench, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (argv[i][0] != '-') {
            if (bench->file_count == FILES_MAX ||
                !read_file(argv[i], &bench->files[bench->file_count++])) {
                fprintf(stderr, "fhir-validate: %s: %s\n", argv[i], strerror(errno));
                return false;
            }
            continue;
        }
        if (strcmp(argv[i], "--image") == 0 && value && bench->image_count < 16)
            bench->images[bench->image_count++] = value;
        else if (strcmp(argv[i], "--seconds") == 0 && value)
            bench->seconds = strtod(value, NULL);
        else if (strcmp(argv[i], "--threads") == 0 && value)
            bench->threads = (unsigned)strtoul(value, NULL, 10);
        else
            return false;
        i++;
    }
    return bench->file_count > 0 && bench->threads > 0 && bench->threads <= THREADS_MAX &&
           bench->seconds > 0;
}

int bench_main(int argc, char **argv)
{
    Bench bench = {.seconds = 5, .threads = 1, .files = calloc(FILES_MAX, sizeof(Buf))};
    int status = 2;
    Err err = {0};
    if (!bench.files || !parse(&bench, argc, argv))
        fputs("usage: fhir-validate bench [--image FILE]... [--seconds N] [--threads N] FILE...\n",
              stderr);
    else if (!fhir_validator_open(bench.images, bench.image_count, &bench.validator, &err))
        fprintf(stderr, "fhir-validate: %s\n", err.text);
    else
        status = run_threads(&bench);
    fhir_validator_close(bench.validator);
    for (size_t i = 0; bench.files && i < bench.file_count; i++)
        buf_clear(&bench.files[i]);
    free(bench.files);
    return status;
}
