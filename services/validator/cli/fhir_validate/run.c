#include "services/validator/cli/fhir_validate/run.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "common/base/clock.h"

#include "services/validator/cli/fhir_validate/inputs.h"
#include "services/validator/cli/fhir_validate/packages.h"
#include "services/validator/cli/fhir_validate/show.h"

enum {
    WINDOW_PER_THREAD = 4, /* results that wait for a slower one before them */
    PROGRESS_MS = 200,
    PROGRESS_INPUTS_MIN = 10,
    INPUT_BYTES_MAX = 1 << 30,
    OUTPUT_BYTES_MAX = 1 << 30,
    STACK_BYTES = 16 << 20,
};

typedef struct Slot {
    Buf out;
    bool done, invalid, unreadable;
} Slot;

typedef struct Run {
    const Settings *settings;
    const FhirValidator *validator;
    const Inputs *inputs;
    Look look;
    size_t image; /* SIZE_MAX: by meta.profile */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    Slot *slots;
    size_t slot_count;
    size_t next, written; /* of the inputs; under lock, as the slots' `done` */
    bool stopped;
    size_t invalid, unreadable;
} Run;

/* --- one input -------------------------------------------------------------------------------- */

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static bool drop_below(IssueSeverity min, Verdict *verdict, Arena *arena)
{
    const Issue *kept = NULL;
    Issue *last = NULL;
    uint32_t count = 0;
    for (const Issue *issue = verdict->issues; issue; issue = issue->next) {
        if (issue->severity < min)
            continue;
        Issue *copy = arena_alloc(arena, sizeof *copy);
        if (!copy)
            return false;
        *copy = *issue;
        copy->next = NULL;
        if (last)
            last->next = copy;
        else
            kept = copy;
        last = copy;
        count++;
    }
    uint32_t wanted = verdict->errors + (min <= SEVERITY_WARNING ? verdict->warnings : 0) +
                      (min <= SEVERITY_INFORMATION ? verdict->information : 0);
    verdict->issues = kept;
    verdict->issue_count = count;
    verdict->issues_left_out = min > SEVERITY_ERROR ? 0 : wanted - count;
    return true;
}

/* No verdict could be had: an outcome that says so, for formats of one outcome per input. */
static Str outcome_of_problem(const char *code, const char *problem, Buf *buf)
{
    buf_reset(buf);
    buf_add_format(buf,
                   "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"fatal\","
                   "\"code\":\"%s\",\"diagnostics\":",
                   code);
    show_json_string(str_from(problem), buf);
    buf_add(buf, STR("}]}"));
    return buf_str(buf);
}

static bool validate(const Run *run, Str source, Arena *arena, Result *result, Verdict *verdict,
                     Err *err)
{
    const Settings *s = run->settings;
    ValidateOptions options = {.image = run->image,
                               .profiles = s->profiles,
                               .profile_count = s->profile_count,
                               .rules = s->rules,
                               .rules_off = s->rules_off};
    double start = now_ms();
    TRY(fhir_validate(run->validator, source, &options, arena, verdict, err));
    result->ms = now_ms() - start;
    if (s->min_severity == SEVERITY_INFORMATION || drop_below(s->min_severity, verdict, arena))
        result->outcome = fhir_verdict_outcome(verdict, arena);
    if (!result->outcome.ptr)
        return ERR(err, ERR_INPUT, "memory-limit",
                   "the memory limit of a resource is reached; see --memory");
    result->source = source;
    result->verdict = verdict;
    return true;
}

typedef struct Desk { /* what a thread works with */
    Arena *arena;
    Buf input, problem;
} Desk;

static void handle(const Run *run, Desk *desk, size_t index, Slot *slot)
{
    Result result = {.path = run->inputs->paths[index]};
    Verdict verdict = {0};
    Err err = {0};
    arena_reset(desk->arena);
    buf_reset(&slot->out);
    slot->unreadable = slot->invalid = false;
    if (!input_read(result.path, &desk->input)) {
        result.problem = strerror(errno);
        result.outcome = outcome_of_problem(errno == ENOENT ? "not-found" : "exception",
                                            result.problem, &desk->problem);
    } else if (!validate(run, buf_str(&desk->input), desk->arena, &result, &verdict, &err)) {
        result.problem = err.text;
        result.outcome = outcome_of_problem("too-costly", err.text, &desk->problem);
    }
    slot->unreadable = !result.verdict;
    slot->invalid = result.verdict && !verdict.valid;
    show_result(&run->look, &result, index == 0, &slot->out);
    if (slot->unreadable &&
        (run->look.format != FORMAT_TEXT || !isatty(STDERR_FILENO) || !isatty(STDOUT_FILENO)))
        complain(result.problem, result.path);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* The next input whose slot is free; SIZE_MAX: nothing is left. */
static size_t take(Run *run)
{
    pthread_mutex_lock(&run->lock);
    while (!run->stopped && run->next < run->inputs->count &&
           run->next - run->written >= run->slot_count)
        pthread_cond_wait(&run->changed, &run->lock);
    size_t index = run->stopped || run->next == run->inputs->count ? SIZE_MAX : run->next++;
    pthread_mutex_unlock(&run->lock);
    return index;
}

static void put_back(Run *run, Slot *slot)
{
    pthread_mutex_lock(&run->lock);
    slot->done = true;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static void *work(void *argument)
{
    Run *run = argument;
    Desk desk = {.arena = arena_new(run->settings->memory_bytes)};
    buf_init(&desk.input, INPUT_BYTES_MAX);
    buf_init(&desk.problem, PATH_BYTES_MAX);
    size_t index;
    while (desk.arena && (index = take(run)) != SIZE_MAX) {
        Slot *slot = &run->slots[index % run->slot_count];
        handle(run, &desk, index, slot);
        put_back(run, slot);
    }
    buf_clear(&desk.input);
    buf_clear(&desk.problem);
    arena_free(desk.arena);
    return NULL;
}

/* --- printing --------------------------------------------------------------------------------- */

static bool shows_progress(const Run *run)
{
    const char *term = getenv("TERM");
    return run->inputs->count >= PROGRESS_INPUTS_MIN && isatty(STDERR_FILENO) && term &&
           strcmp(term, "dumb") != 0;
}

static void progress(const Run *run, double since_ms)
{
    double seconds = (now_ms() - since_ms) / 1e3;
    fprintf(stderr, "\r\033[K%zu of %zu, %zu invalid, %.0f a second", run->written,
            run->inputs->count, run->invalid, seconds > 0 ? (double)run->written / seconds : 0);
    fflush(stderr);
}

static void await(Run *run, const Slot *slot, bool shown, double since_ms)
{
    pthread_mutex_lock(&run->lock);
    while (!slot->done) {
        const struct timespec until = clock_after_ms(CLOCK_REALTIME, PROGRESS_MS);
        if (pthread_cond_timedwait(&run->changed, &run->lock, &until) == ETIMEDOUT && shown)
            progress(run, since_ms);
    }
    pthread_mutex_unlock(&run->lock);
}

static void release(Run *run, Slot *slot, bool stop)
{
    pthread_mutex_lock(&run->lock);
    run->invalid += slot->invalid;
    run->unreadable += slot->unreadable;
    slot->done = false;
    run->written++;
    run->stopped = stop;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static bool print(Str text)
{
    return fwrite(text.ptr, 1, text.len, stdout) == text.len;
}

/* In input order; false: the output cannot be written. */
static bool print_results(Run *run)
{
    bool shown = shows_progress(run), ok = true, clear = isatty(STDOUT_FILENO);
    double start = now_ms(), last = start;
    for (size_t i = 0; ok && i < run->inputs->count; i++) {
        Slot *slot = &run->slots[i % run->slot_count];
        await(run, slot, shown, start);
        if (shown && clear)
            fputs("\r\033[K", stderr);
        ok = print(buf_str(&slot->out)) && !slot->out.overflowed;
        release(run, slot, !ok);
        if (shown && now_ms() - last >= PROGRESS_MS) {
            last = now_ms();
            progress(run, start);
        }
    }
    if (shown)
        fputs("\r\033[K", stderr);
    return ok;
}

static bool run_threads(Run *run)
{
    pthread_t threads[THREADS_MAX];
    pthread_attr_t attributes;
    unsigned started = 0;
    BUF_AUTO edge;
    buf_init(&edge, PATH_BYTES_MAX);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (started < run->settings->threads && started < run->inputs->count &&
           pthread_create(&threads[started], &attributes, work, run) == 0)
        started++;
    pthread_attr_destroy(&attributes);
    if (started == 0)
        return complain("no thread could be started", "threads"), false;
    show_opening(&run->look, &edge);
    bool ok = print(buf_str(&edge)) && print_results(run);
    pthread_mutex_lock(&run->lock);
    run->stopped = true;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    buf_reset(&edge);
    show_closing(&run->look, run->unreadable == 0, &edge);
    ok = ok && print(buf_str(&edge)) && fflush(stdout) == 0;
    if (!ok)
        complain(strerror(errno), "output");
    return ok;
}

/* --- all -------------------------------------------------------------------------------------- */

static bool is_ig(const FhirValidator *validator, size_t index, Str ig)
{
    Str name = fhir_validator_image_name(validator, index);
    size_t hash = str_find_char(ig, '#');
    return str_eq(name, str_cut(ig, 0, hash)) &&
           (hash == ig.len ||
            str_eq(fhir_validator_image_version(validator, index), str_skip(ig, hash + 1)));
}

/* spec: --ig: that image, whatever meta.profile says. */
static bool choose_image(Run *run)
{
    Str ig = run->settings->ig;
    run->image = SIZE_MAX;
    if (!ig.len)
        return true;
    for (size_t i = 0; i < fhir_validator_image_count(run->validator); i++)
        if (is_ig(run->validator, i, ig)) {
            run->image = i;
            return true;
        }
    fprintf(stderr, "fhir-validate: --ig %.*s: not among what is loaded:", STR_ARG(ig));
    for (size_t i = 0; i < fhir_validator_image_count(run->validator); i++)
        fprintf(stderr, " %.*s#%.*s", STR_ARG(fhir_validator_image_name(run->validator, i)),
                STR_ARG(fhir_validator_image_version(run->validator, i)));
    fputs(fhir_validator_image_count(run->validator) ? "\n"
                                                     : " nothing; give --image or --package\n",
          stderr);
    return false;
}

static bool has_colours(void)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0 && !(no_colour && *no_colour);
}

static int run_inputs(const Settings *settings, const FhirValidator *validator,
                      const Inputs *inputs)
{
    Run run = {
        .settings = settings,
        .validator = validator,
        .inputs = inputs,
        .look = {.format = settings->format,
                 .min_severity = settings->min_severity,
                 .colour = has_colours(),
                 .many = inputs->count != 1},
        .slot_count = settings->threads * WINDOW_PER_THREAD
    };
    if (!choose_image(&run))
        return EXIT_USAGE;
    run.slots = calloc(run.slot_count, sizeof *run.slots);
    if (!run.slots)
        return complain("no memory", "fhir-validate");
    for (size_t i = 0; i < run.slot_count; i++)
        buf_init(&run.slots[i].out, OUTPUT_BYTES_MAX);
    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.changed, NULL);
    bool ok = inputs->count == 0 || run_threads(&run);
    for (size_t i = 0; i < run.slot_count; i++)
        buf_clear(&run.slots[i].out);
    free(run.slots);
    return !ok || run.unreadable || inputs->any_unreadable ? EXIT_USAGE
           : run.invalid                                   ? EXIT_INVALID
                                                           : EXIT_VALID;
}

int run_all(const Settings *settings)
{
    FhirValidator *validator = NULL;
    Inputs inputs;
    Err err = {0};
    if (!packages_open(settings, &validator, &err))
        return complain(err.text, "image");
    int status = inputs_expand(settings->inputs, settings->input_count, &inputs)
                     ? EXIT_VALID
                     : complain("no memory", "fhir-validate");
    if (status == EXIT_VALID) {
        status = run_inputs(settings, validator, &inputs);
        inputs_free(&inputs);
    }
    fhir_validator_close(validator);
    return status;
}
