#include "services/validator/cli/fhir_validate/bench.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "services/validator/cli/fhir_validate/inputs.h"
#include "services/validator/cli/fhir_validate/settings.h"
#include "services/validator/engine/fhir_validator.h"

enum { SAMPLES_MAX = 1 << 20, FILE_BYTES_MAX = 1 << 30 };
static const size_t ARENA_BYTES = (size_t)2 << 30;

typedef struct Bench {
    const char *images[IMAGES_MAX];
    size_t image_count;
    double seconds;
    unsigned threads;
    const char **given;
    size_t given_count;
    Buf *files;
    size_t file_count;
    FhirValidator *validator;
    double first_ms; /* from the program's start to its first verdict */
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

/* Each file by itself: how far its slowest documents are from its usual ones. */
static double worst_file(const Bench *bench, const Runner *runners)
{
    double worst = 0;
    float *own = malloc((runners[0].sample_count + 1) * sizeof *own);
    for (size_t f = 0; own && f < bench->file_count; f++) {
        size_t count = 0;
        for (size_t i = f; i < runners[0].sample_count; i += bench->file_count)
            own[count++] = runners[0].samples_ms[i];
        qsort(own, count, sizeof *own, by_size);
        double p50 = percentile(own, count, 0.5);
        double ratio = p50 > 0 ? percentile(own, count, 0.99) / p50 : 0;
        worst = ratio > worst ? ratio : worst;
    }
    free(own);
    return worst;
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
           "\"p99_ms\":%.4f,\"worst_file_p99_over_p50\":%.2f,\"first_verdict_ms\":%.2f,"
           "\"rss_mb\":%.1f}\n",
           bench->threads, bench->file_count, (unsigned long long)documents, wall_s,
           (double)documents / wall_s, (double)bytes / 1e6 / wall_s,
           documents ? cpu_s * 1e3 / (double)documents : 0, all ? percentile(all, at, 0.5) : 0,
           all ? percentile(all, at, 0.99) : 0, worst_file(bench, runners), bench->first_ms,
           (double)usage.ru_maxrss / 1024);
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

static bool set_number(const char *value, double max, double *ret)
{
    char *end;
    double number = strtod(value, &end);
    if (*end || !(number > 0 && number <= max))
        return false;
    *ret = number;
    return true;
}

static bool parse(Bench *bench, int argc, char **argv)
{
    double threads = 1;
    for (int i = 2; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (argv[i][0] != '-') {
            bench->given[bench->given_count++] = argv[i];
            continue;
        }
        bool ok = value != NULL;
        if (ok && strcmp(argv[i], "--image") == 0 && bench->image_count < IMAGES_MAX)
            bench->images[bench->image_count++] = value;
        else if (ok && strcmp(argv[i], "--seconds") == 0)
            ok = set_number(value, 86400, &bench->seconds);
        else if (ok && strcmp(argv[i], "--threads") == 0)
            ok = set_number(value, THREADS_MAX, &threads) && threads >= 1;
        else
            ok = false;
        if (!ok) {
            complain("not understood; see fhir-validate bench --help", argv[i]);
            return false;
        }
        i++;
    }
    bench->threads = (unsigned)threads;
    if (bench->given_count == 0)
        complain("files to validate are missing", "bench");
    return bench->given_count > 0;
}

static bool read_files(Bench *bench)
{
    Inputs inputs;
    if (!inputs_expand(bench->given, bench->given_count, &inputs))
        return false;
    bench->files = calloc(inputs.count + 1, sizeof *bench->files);
    bool ok = bench->files && !inputs.any_unreadable && inputs.count > 0;
    for (size_t i = 0; ok && i < inputs.count; i++) {
        buf_init(&bench->files[bench->file_count++], FILE_BYTES_MAX);
        ok = input_read(inputs.paths[i], &bench->files[i]);
        if (!ok)
            complain(strerror(errno), inputs.paths[i]);
    }
    inputs_free(&inputs);
    return ok;
}

/* spec: proc(5), starttime: when the program was started, in clock ticks since boot. */
static double since_start_ms(void)
{
    static double started = -1;
    char text[1024] = "";
    FILE *file = started < 0 ? fopen("/proc/self/stat", "r") : NULL;
    if (file) {
        size_t got = fread(text, 1, sizeof text - 1, file);
        text[got] = '\0';
        fclose(file);
        unsigned long long ticks = 0;
        const char *behind = strrchr(text, ')');
        if (behind &&
            sscanf(
                behind + 2,
                "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                &ticks) == 1)
            started = (double)ticks / (double)sysconf(_SC_CLK_TCK);
    }
    return started < 0 ? 0 : (now_s(CLOCK_BOOTTIME) - started) * 1e3;
}

static bool first_verdict(Bench *bench)
{
    Verdict verdict;
    Err err = {0};
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    if (!arena ||
        !fhir_validate(bench->validator, buf_str(&bench->files[0]), NULL, arena, &verdict, &err)) {
        complain(err.text, "bench");
        return false;
    }
    bench->first_ms = since_start_ms();
    return true;
}

int bench_main(int argc, char **argv)
{
    Bench bench = {.seconds = 5, .threads = 1, .given = calloc((size_t)argc, sizeof *bench.given)};
    int status = EXIT_USAGE;
    Err err = {0};
    if (bench.given && parse(&bench, argc, argv) && read_files(&bench)) {
        if (!fhir_validator_open(bench.images, bench.image_count, &bench.validator, &err))
            complain(err.text, "image");
        else if (first_verdict(&bench))
            status = run_threads(&bench);
    }
    fhir_validator_close(bench.validator);
    for (size_t i = 0; i < bench.file_count; i++)
        buf_clear(&bench.files[i]);
    free(bench.files);
    free(bench.given);
    return status;
}
