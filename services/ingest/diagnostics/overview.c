/* GET /admin/api/diagnostics/overview: the funnel, its leaks, rates, latencies, the most frequent
 * issues, what needs attention; GET /interactions/facets: what the filters' menus offer. All of it
 * comes from sums (fhirbus.overview_whole), none of it from rows. */
#include "services/ingest/diagnostics/overview.h"

#include "common/base/clock.h"
#include "services/ingest/diagnostics/flows.h"
#include "services/ingest/diagnostics/tell.h"

#define SECOND_US 1000000LL
enum { MINUTES_5 = 300, HOUR = 3600, DAY = 86400, STEPS_MAX = 2000 };

/* $1 step, $2 scope, $3 $4 period. */
const DbStatement overview_sums = {
    "overview", "SELECT fhirbus.overview_whole($1::integer, nullif($2::text, '{*}')::text[],"
                " $3::timestamptz, $4::timestamptz)"};
const DbStatement overview_menus = {
    "grid-menus", "SELECT fhirbus.grid_menus(nullif($1::text, '{*}')::text[], $2::timestamptz,"
                  " $3::timestamptz)"};

typedef struct Overview {
    TellQuestion tell;
    int64_t from_us, to_us, step_s;
} Overview;

static StepNext read_period(Exchange *exchange, Overview *question)
{
    question->to_us = clock_wall_us();
    question->from_us = INT64_MIN;
    if (!tell_time(exchange, "to", true, &question->to_us) ||
        !tell_time(exchange, "from", false, &question->from_us))
        return tell_malformed(exchange, "from and to must be times");
    if (question->from_us == INT64_MIN)
        question->from_us = question->to_us - DAY * SECOND_US;
    return question->from_us < question->to_us ? STEP_NEXT
                                               : tell_malformed(exchange, "from must be before to");
}

/* Sums by five minutes are kept for three days. */
static int64_t fitting_step(const Overview *question)
{
    int64_t long_s = (question->to_us - question->from_us) / SECOND_US;
    int64_t old_s = (clock_wall_us() - question->from_us) / SECOND_US;
    if (long_s <= 12 * HOUR && old_s < 2 * DAY)
        return MINUTES_5;
    return long_s <= 8 * DAY ? HOUR : DAY;
}

static StepNext read_overview(Exchange *exchange, Question *base)
{
    Overview *question = (Overview *)base;
    Str step = tell_parameter(exchange, "step");
    base->spans = true;
    tell_begin(&question->tell, exchange);
    StepNext next = read_period(exchange, question);
    if (next != STEP_NEXT)
        return next;
    question->step_s = fitting_step(question);
    if (step.ptr && !str_is(step, "300") && !str_is(step, "3600") && !str_is(step, "86400"))
        return tell_malformed(exchange, "step must be 300, 3600 or 86400");
    if (step.ptr)
        question->step_s = str_is(step, "300") ? MINUTES_5 : str_is(step, "3600") ? HOUR : DAY;
    int64_t step_us = question->step_s * SECOND_US;
    question->from_us = question->from_us / step_us * step_us;
    question->to_us = (question->to_us + step_us - 1) / step_us * step_us;
    if ((question->to_us - question->from_us) / step_us > STEPS_MAX)
        return tell_malformed(exchange, "That are too many steps: ask for a longer one");
    return STEP_NEXT;
}

static bool run_overview(Question *base, Db *db, Arena *arena, Err *err)
{
    Overview *question = (Overview *)base;
    DbParams params;
    db_params_init(&params, arena);
    db_int(&params, (int32_t)question->step_s);
    db_text(&params, question->tell.scope);
    db_time_us(&params, question->from_us);
    db_time_us(&params, question->to_us);
    return tell_run(&question->tell, db, &overview_sums, &params, err);
}

StepNext step_overview(Exchange *exchange)
{
    static const LookupStep step = {sizeof(Overview), run_overview, tell_clear, read_overview,
                                    tell_json};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}

/* --- menus ------------------------------------------------------------------------------------ */

static StepNext read_menus(Exchange *exchange, Question *base)
{
    Overview *question = (Overview *)base;
    tell_begin(&question->tell, exchange);
    return read_period(exchange, question);
}

static bool run_menus(Question *base, Db *db, Arena *arena, Err *err)
{
    Overview *question = (Overview *)base;
    DbParams params;
    db_params_init(&params, arena);
    db_text(&params, question->tell.scope);
    db_time_us(&params, question->from_us);
    db_time_us(&params, question->to_us);
    return tell_run(&question->tell, db, &overview_menus, &params, err);
}

StepNext step_menus(Exchange *exchange)
{
    static const LookupStep step = {sizeof(Overview), run_menus, tell_clear, read_menus, tell_json};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
