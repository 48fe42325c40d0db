#include "services/validator/judge.h"

#include <time.h>

#include "common/bus/faults.h"
#include "common/ruling/outcome_text.h"
#include "common/ruling/ruling.h"
#include "services/validator/outcome.h"

int64_t judge_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Whoever tries a document by a profile need not name it in there. */
static bool check(const ValidatorConfig *config, const Envelope *envelope, Arena *arena,
                  Precheck *ret_precheck, Err *err)
{
    const JsonLimits limits = {.depth = (uint32_t)config->depth_max,
                               .nodes = (uint32_t)config->nodes_max};
    TRY(precheck(envelope->payload, config->allowed_profiles, &limits, arena, ret_precheck, err));
    if (envelope->trial_profile.len && !str_is(ret_precheck->code, "TECHBD-1000"))
        *ret_precheck = (Precheck){.passed = true, .profile = envelope->trial_profile};
    return true;
}

static size_t image_for(const Images *images, const Envelope *envelope)
{
    Str version = envelope->headers.ig_version, profile = envelope->trial_profile;
    return profile.len && !version.len
               ? fhir_validator_image_of_profile(images_engine(images), profile)
               : images_find(images, version, profile);
}

static bool run_engine(const ValidatorConfig *config, const Images *images,
                       const Envelope *envelope, Arena *arena, Verdict *ret_verdict, Err *err)
{
    const ValidateOptions options = {
        .image = image_for(images, envelope),
        .profiles = &envelope->trial_profile,
        .profile_count = envelope->trial_profile.len > 0,
        .no_best_practice = !config->best_practice,
        .limits = {.depth = (uint32_t)config->depth_max,
                   .nodes = (uint32_t)config->nodes_max,
                   .issues = (uint32_t)config->issues_max,
                   .steps = config->steps_max},
    };
    return fhir_validate(images_engine(images), envelope->payload, &options, arena, ret_verdict,
                         err);
}

/* The sender asked for a version that no image has: it is told, and by which it was judged. The
 * value is not repeated: it may be anything. */
static bool tell_version(const Images *images, Str wanted, Arena *arena, Verdict *verdict, Err *err)
{
    if (!wanted.len || !verdict->ig_version.len ||
        images_find(images, wanted, STR_NONE) != SIZE_MAX)
        return true;
    Issue *issue = arena_alloc(arena, sizeof *issue);
    Str text = arena_format(arena,
                            "X-SHIN-NY-IG-Version names no version that is loaded here: judged by "
                            "%.*s %.*s",
                            STR_ARG(verdict->ig_name), STR_ARG(verdict->ig_version));
    if (!issue || !text.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for an issue");
    *issue = (Issue){.next = verdict->issues,
                     .severity = SEVERITY_WARNING,
                     .code = STR("not-supported"),
                     .message_id = STR("ig-version-not-loaded"),
                     .message_system = STR(OWN_MESSAGES),
                     .location = STR(""),
                     .expression = STR(""),
                     .text = text};
    verdict->issues = issue;
    verdict->issue_count++;
    verdict->warnings++;
    return true;
}

bool judge(const Judge *by, const Envelope *envelope, Arena *arena, Validated *ret_validated,
           Err *err)
{
    const Images *images = by->images;
    Precheck prechecked;
    Verdict verdict;
    OutcomeTimes times = {.started_us = judge_now_us(), .engine_us = images_opened_at_us(images)};
    Validated out = {.envelope = *envelope, .bundle = envelope->payload, .bundle_is_payload = true};
    if (!envelope_is_fhir(envelope))
        return ERR(err, ERR_INPUT, "source-type", "no conversion for this source type");
    faults_on(envelope->payload, "");
    out.envelope.payload = STR_NONE;
    TRY(check(by->config, envelope, arena, &prechecked, err));
    if (prechecked.passed) {
        TRY(run_engine(by->config, images, envelope, arena, &verdict, err));
        TRY(tell_version(images, envelope->headers.ig_version, arena, &verdict, err));
    }
    times.finished_us = judge_now_us();
    if (prechecked.passed)
        TRY(outcome_of_verdict(&verdict, &times, arena, &out.outcome, err));
    else
        TRY(outcome_of_precheck(&prechecked, &times, arena, &out.outcome, err));
    if (out.outcome.profile_url.len == 0) /* known to no image: what the sender asked for */
        out.outcome.profile_url = outcome_plain(prechecked.profile, arena);
    int64_t at_us = by->rules_at_us ? by->rules_at_us : times.finished_us;
    TRY(ruling_apply(by->book, at_us, arena, &out, err));
    *ret_validated = out;
    return true;
}
