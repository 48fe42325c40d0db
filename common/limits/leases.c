/* A request and its holds. What the ledger has to do with it is in ledger.c. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/limits/leases_inner.h"

static const char *const scope_names[LIMIT_SCOPES] = {"caller", "tenant"};
static const char *const reason_names[LIMIT_REASONS] = {"none", "rate", "quota", "concurrency"};

const char *limit_scope_name(LimitScope scope)
{
    return scope_names[scope];
}

const char *limit_reason_name(LimitReason reason)
{
    return reason_names[reason];
}

/* --- plans ------------------------------------------------------------------------------------ */

static BucketRate rate_of(const LimitPlan *plan)
{
    uint64_t burst = plan->burst ? plan->burst : plan->rate_per_s;
    return (BucketRate){plan->rate_per_s, burst};
}

bool lease_counts_tokens(const LimitPlan *plan)
{
    return plan->rate_per_s || plan->quota;
}

static bool same_plan(const LimitPlan *a, const LimitPlan *b)
{
    return a->rate_per_s == b->rate_per_s && a->burst == b->burst && a->quota == b->quota &&
           a->period == b->period && a->concurrency == b->concurrency;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A hundredth of the quota is what the promise allows to be out; a tenth of the burst still lets
 * several replicas serve a sender that has changed over to another. */
uint64_t leases_ahead_max(const LimitPlan *plan)
{
    uint64_t max = LEASE_AHEAD_MAX;
    BucketRate rate = rate_of(plan);
    if (plan->rate_per_s)
        max = least(max, (rate.burst > rate.per_s ? rate.burst : rate.per_s) / 10);
    if (plan->quota)
        max = least(max, plan->quota / 100);
    return max ? max : 1;
}

uint64_t lease_spare_slots(const LeaseSubject *subject)
{
    return subject->plan.concurrency / 20;
}

/* --- subjects --------------------------------------------------------------------------------- */

Leases *leases_new(const LeasesOptions *options)
{
    Leases *leases = calloc(1, sizeof *leases);
    CHECK(leases);
    leases->options = *options;
    CHECK(pthread_mutex_init(&leases->lock, NULL) == 0);
    return leases;
}

void leases_free(Leases *leases)
{
    if (!leases)
        return;
    for (size_t i = 0; i < LEASE_BUCKETS; i++)
        for (LeaseSubject *subject = leases->buckets[i], *next; subject; subject = next) {
            CHECK(subject->holds == 0); /* whoever entered has left */
            next = subject->next;
            free(subject);
        }
    pthread_mutex_destroy(&leases->lock);
    free(leases);
}

static LeaseSubject **find(Leases *leases, LimitScope scope, Str name)
{
    size_t bucket = ((size_t)str_hash(name) + (size_t)scope) & (LEASE_BUCKETS - 1);
    LeaseSubject **link = &leases->buckets[bucket];
    while (*link &&
           ((*link)->scope != scope || !str_eq((Str){(*link)->name, (*link)->name_len}, name)))
        link = &(*link)->next;
    return link;
}

static LeaseSubject *subject_of(Leases *leases, LimitScope scope, Str name, const LimitPlan *plan)
{
    LeaseSubject **link = find(leases, scope, name), *subject = *link;
    if (!subject) {
        subject = calloc(1, sizeof *subject + name.len + 1);
        CHECK(subject);
        memcpy(subject->name, name.ptr, name.len);
        subject->name_len = name.len;
        subject->scope = scope;
        subject->last = &subject->first;
        *link = subject;
    }
    if (!same_plan(&subject->plan, plan)) { /* what was refused under the former may be right now */
        subject->plan = *plan;
        subject->size = least(LEASE_SIZE_START, leases_ahead_max(plan));
        subject->denied_until_ms = subject->slots_denied_until_ms = 0;
        subject->answered_ms = 0;
    }
    return subject;
}

void lease_mark(Leases *leases, LeaseSubject *subject)
{
    if (subject->dirty)
        return;
    subject->dirty = true;
    subject->next_dirty = leases->first_dirty;
    leases->first_dirty = subject;
    if (leases->options.asked)
        leases->options.asked(leases->options.context);
}

/* --- those who wait --------------------------------------------------------------------------- */

static void wait_in_line(Leases *leases, LeaseSubject *subject, LeaseHold *hold)
{
    hold->state = LEASE_WAITS;
    hold->next = NULL;
    *subject->last = hold;
    subject->last = &hold->next;
    subject->waiting++;
    if (!subject->asked)
        lease_mark(leases, subject);
}

static void leave_line(LeaseSubject *subject, const LeaseHold *hold)
{
    LeaseHold **link = &subject->first;
    while (*link != hold)
        link = &(*link)->next;
    *link = hold->next;
    if (subject->last == &hold->next)
        subject->last = link;
    subject->waiting--;
}

LeaseHold *lease_shift(LeaseSubject *subject)
{
    LeaseHold *hold = subject->first;
    if (hold)
        leave_line(subject, hold);
    return hold;
}

static bool has_token(const LeaseSubject *subject)
{
    return !lease_counts_tokens(&subject->plan) || subject->held > 0;
}

static bool has_slot(const LeaseSubject *subject)
{
    return !subject->plan.concurrency || subject->in_flight < subject->slots;
}

static void grant(LeaseSubject *subject, LeaseHold *hold)
{
    hold->state = LEASE_GRANTED;
    hold->slot = subject->plan.concurrency != 0;
    subject->in_flight += hold->slot;
}

bool lease_take(LeaseSubject *subject, LeaseHold *hold)
{
    if (!has_token(subject) || !has_slot(subject))
        return false;
    grant(subject, hold);
    hold->token = lease_counts_tokens(&subject->plan);
    subject->held -= hold->token;
    return true;
}

void lease_serve(LeaseSubject *subject)
{
    while (subject->first && has_token(subject) && has_slot(subject)) {
        LeaseHold *hold = lease_shift(subject);
        lease_take(subject, hold);
        hold->wake(hold->context);
    }
}

/* --- saying no -------------------------------------------------------------------------------- */

void lease_refuse(LeaseHold *hold, LimitReason reason, int64_t retry_ms)
{
    hold->state = LEASE_REFUSED;
    hold->reason = reason;
    hold->retry_ms = retry_ms;
}

/* Without asking: what the ledger refused a moment ago it would refuse again. */
static bool is_denied(const LeaseSubject *subject, LeaseHold *hold, int64_t now_ms)
{
    if (!has_token(subject) && now_ms < subject->denied_until_ms) {
        int64_t retry_ms = subject->denied_retry_at_ms - now_ms;
        lease_refuse(hold, subject->denied, retry_ms > 0 ? retry_ms : 1);
        return true;
    }
    if (!has_slot(subject) && now_ms < subject->slots_denied_until_ms) {
        lease_refuse(hold, LIMIT_CONCURRENCY, 1000);
        return true;
    }
    return false;
}

/* As far as the ledger has said it, less what was granted here since. */
static bool quota_is_used_up(const LeaseSubject *subject, int64_t now_ms)
{
    return subject->plan.quota && subject->answered_ms && now_ms < subject->quota_reset_at_ms &&
           subject->debt >= subject->quota_left;
}

static bool take_alone(const Leases *leases, LeaseSubject *subject, LeaseHold *hold, int64_t now_ms)
{
    if (quota_is_used_up(subject, now_ms)) {
        lease_refuse(hold, LIMIT_QUOTA, subject->quota_reset_at_ms - now_ms);
        return false;
    }
    uint64_t per_s = leases->options.away_per_s;
    if (subject->plan.rate_per_s)
        per_s = least(per_s, subject->plan.rate_per_s);
    int64_t wait_ms = 0;
    if (bucket_take(&subject->away, (BucketRate){per_s, per_s}, now_ms, &wait_ms)) {
        subject->debt++;
        hold->by_default = true;
        return true;
    }
    lease_refuse(hold, LIMIT_RATE, (int64_t)least((uint64_t)wait_ms, AWAY_RETRY_MS));
    return false;
}

void lease_decide_alone(const Leases *leases, LeaseSubject *subject, LeaseHold *hold,
                        int64_t now_ms)
{
    uint64_t slots = subject->plan.concurrency;
    if (slots && subject->in_flight >= slots) {
        lease_refuse(hold, LIMIT_CONCURRENCY, 1000);
        return;
    }
    bool counts = lease_counts_tokens(&subject->plan);
    if (counts && subject->held == 0 && !take_alone(leases, subject, hold, now_ms))
        return;
    grant(subject, hold);
    hold->token = counts;
    if (counts && !hold->by_default)
        subject->held--;
}

/* --- a request -------------------------------------------------------------------------------- */

/* More is fetched while there still is some, so that nobody waits. */
static void think_ahead(Leases *leases, LeaseSubject *subject, int64_t now_ms)
{
    if (subject->size > 1 && subject->held < subject->size / 2 && !subject->asked &&
        now_ms >= subject->denied_until_ms)
        lease_mark(leases, subject);
}

static void enter(Leases *leases, LeaseSubject *subject, LeaseHold *hold, int64_t now_ms)
{
    if (leases->away) {
        lease_decide_alone(leases, subject, hold, now_ms);
        lease_mark(leases, subject); /* to see whether the ledger is back */
    } else if (!subject->first && lease_take(subject, hold)) {
        think_ahead(leases, subject, now_ms);
    } else if (!is_denied(subject, hold, now_ms)) {
        wait_in_line(leases, subject, hold);
    }
}

LeaseState leases_enter(Leases *leases, LimitScope scope, Str name, const LimitPlan *plan,
                        LeaseHold *hold, int64_t now_ms)
{
    CHECK(hold->state == LEASE_NONE);
    if (!lease_counts_tokens(plan) && !plan->concurrency)
        return LEASE_GRANTED;
    pthread_mutex_lock(&leases->lock);
    LeaseSubject *subject = subject_of(leases, scope, name, plan);
    subject->touched_ms = now_ms;
    subject->holds++;
    hold->subject = subject;
    enter(leases, subject, hold, now_ms);
    LeaseState state = hold->state;
    pthread_mutex_unlock(&leases->lock);
    return state;
}

LeaseState leases_state(Leases *leases, const LeaseHold *hold)
{
    if (!hold->subject)
        return LEASE_GRANTED;
    pthread_mutex_lock(&leases->lock);
    LeaseState state = hold->state;
    pthread_mutex_unlock(&leases->lock);
    return state;
}

static void give_token_back(LeaseSubject *subject, const LeaseHold *hold)
{
    if (hold->by_default)
        subject->debt -= subject->debt > 0;
    else
        subject->held++;
}

void leases_refund(Leases *leases, LeaseHold *hold)
{
    pthread_mutex_lock(&leases->lock);
    if (hold->subject && hold->state == LEASE_GRANTED && hold->token) {
        give_token_back(hold->subject, hold);
        hold->token = false;
        lease_serve(hold->subject);
    }
    pthread_mutex_unlock(&leases->lock);
}

/* A slot that nobody needs here may be needed elsewhere. */
static void free_slot(Leases *leases, LeaseSubject *subject)
{
    subject->in_flight--;
    lease_serve(subject);
    if (subject->slots > subject->in_flight + lease_spare_slots(subject))
        lease_mark(leases, subject);
}

void leases_leave(Leases *leases, LeaseHold *hold, int64_t now_ms)
{
    LeaseSubject *subject = hold->subject;
    if (!subject)
        return;
    pthread_mutex_lock(&leases->lock);
    if (hold->state == LEASE_WAITS)
        leave_line(subject, hold);
    else if (hold->state == LEASE_GRANTED && hold->slot)
        free_slot(leases, subject);
    subject->holds--;
    subject->touched_ms = now_ms;
    pthread_mutex_unlock(&leases->lock);
    *hold = (LeaseHold){0};
}

/* --- for people ------------------------------------------------------------------------------- */

static int64_t seconds(int64_t ms)
{
    return ms <= 0 ? 0 : (ms + 999) / 1000;
}

static void rate_facts(const LeaseSubject *subject, int64_t now_ms, LeaseFacts *facts)
{
    BucketRate rate = rate_of(&subject->plan);
    uint64_t left = subject->answered_ms ? subject->rate_left + subject->held : rate.burst;
    if (subject->answered_ms && now_ms > subject->answered_ms)
        left += (uint64_t)(now_ms - subject->answered_ms) * rate.per_s / 1000;
    facts->rate_left = least(left, rate.burst);
    uint64_t missing = facts->rate_left ? rate.burst - facts->rate_left : 1;
    facts->rate_reset_s = (int64_t)((missing + rate.per_s - 1) / rate.per_s);
}

static void facts_of(const LeaseSubject *subject, int64_t now_ms, LeaseFacts *facts)
{
    const LimitPlan *plan = &subject->plan;
    facts->plan = *plan;
    facts->plan.burst = rate_of(plan).burst;
    facts->quota_reset_s = -1;
    if (plan->rate_per_s)
        rate_facts(subject, now_ms, facts);
    if (plan->quota && subject->answered_ms) {
        facts->quota_left = least(subject->quota_left + subject->held, plan->quota);
        facts->quota_reset_s = seconds(subject->quota_reset_at_ms - now_ms);
    }
}

bool leases_facts(Leases *leases, const LeaseHold *hold, int64_t now_ms, LeaseFacts *ret_facts)
{
    if (!hold->subject)
        return false;
    *ret_facts = (LeaseFacts){0};
    pthread_mutex_lock(&leases->lock);
    facts_of(hold->subject, now_ms, ret_facts);
    pthread_mutex_unlock(&leases->lock);
    return true;
}

static void add_stats(const LeaseSubject *subject, LeasesStats *stats)
{
    stats->subjects++;
    stats->held += subject->held;
    stats->slots += subject->slots;
    stats->waiting += subject->waiting;
    stats->debt += subject->debt;
}

LeasesStats leases_stats(Leases *leases)
{
    LeasesStats stats = {0};
    pthread_mutex_lock(&leases->lock);
    stats.away = leases->away;
    for (size_t i = 0; i < LEASE_BUCKETS; i++)
        for (const LeaseSubject *subject = leases->buckets[i]; subject; subject = subject->next)
            add_stats(subject, &stats);
    pthread_mutex_unlock(&leases->lock);
    return stats;
}
