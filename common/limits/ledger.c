/* What is asked of the ledger, and what its answers mean. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/limits/leases_inner.h"

/* --- asking ----------------------------------------------------------------------------------- */

static uint64_t above(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static bool is_over(const LeaseSubject *subject, int64_t now_ms)
{
    return subject->held > 0 && now_ms >= subject->until_ms && subject->waiting == 0;
}

/* What was not used in its life is given back, and less is taken the next time. */
static void end_lease(LeaseSubject *subject)
{
    subject->given_back = subject->held;
    subject->held = 0;
    subject->size = subject->size > 1 ? subject->size / 2 : 1;
}

static void want_tokens(const Leases *leases, const LeaseSubject *subject, LeaseAsk *ask,
                        int64_t now_ms)
{
    if (!lease_counts_tokens(&subject->plan))
        return;
    bool denied = now_ms < subject->denied_until_ms;
    bool in_use = now_ms - subject->touched_ms < leases->options.life_ms;
    ask->need = above(subject->waiting, subject->held);
    ask->want = ask->need;
    if (subject->size > 1 && in_use && !denied && subject->held < subject->size / 2)
        ask->want += above(subject->size, subject->held);
}

static void want_slots(const Leases *leases, const LeaseSubject *subject, LeaseAsk *ask,
                       int64_t now_ms)
{
    if (!subject->plan.concurrency)
        return;
    ask->slots = subject->in_flight + subject->waiting;
    if (now_ms - subject->touched_ms < leases->options.life_ms)
        ask->slots += lease_spare_slots(subject);
}

static LeaseAsk ask_of(const Leases *leases, LeaseSubject *subject, bool closing, int64_t now_ms)
{
    LeaseAsk ask = {
        .subject = subject,
        .scope = subject->scope,
        .name = {subject->name, subject->name_len},
        .plan = subject->plan,
        .debt = subject->debt
    };
    subject->asked = true;
    subject->given_back = 0;
    if (closing || is_over(subject, now_ms))
        end_lease(subject);
    else
        want_tokens(leases, subject, &ask, now_ms);
    ask.back = subject->given_back;
    ask.kept = subject->held;
    if (!closing)
        want_slots(leases, subject, &ask, now_ms);
    return ask;
}

static LeaseSubject *next_dirty(Leases *leases)
{
    LeaseSubject *subject = leases->first_dirty;
    if (!subject)
        return NULL;
    leases->first_dirty = subject->next_dirty;
    subject->dirty = false;
    return subject;
}

static bool has_something(const LeaseSubject *subject)
{
    return subject->held || subject->debt || subject->slots;
}

static void mark_all(Leases *leases)
{
    for (size_t i = 0; i < LEASE_BUCKETS; i++)
        for (LeaseSubject *subject = leases->buckets[i]; subject; subject = subject->next)
            if (has_something(subject))
                lease_mark(leases, subject);
}

size_t leases_collect(Leases *leases, bool closing, int64_t now_ms, LeaseAsk *ret_asks)
{
    size_t count = 0;
    pthread_mutex_lock(&leases->lock);
    if (closing)
        mark_all(leases);
    bool may = closing || !leases->away || now_ms >= leases->away_until_ms;
    while (may && count < LEASES_BATCH_MAX) {
        LeaseSubject *subject = next_dirty(leases);
        if (!subject)
            break;
        ret_asks[count++] = ask_of(leases, subject, closing, now_ms);
    }
    pthread_mutex_unlock(&leases->lock);
    return count;
}

/* --- the answer ------------------------------------------------------------------------------- */

static int64_t clamp(int64_t value, int64_t from, int64_t to)
{
    return value < from ? from : value > to ? to : value;
}

static void note_denial(LeaseSubject *subject, const LeaseAnswer *answer, int64_t now_ms)
{
    int64_t wait_ms = answer->reason == LIMIT_QUOTA ? answer->quota_reset_ms : answer->wait_ms;
    subject->denied = answer->reason;
    subject->denied_until_ms = 0;
    if (answer->reason != LIMIT_NO_REASON) {
        subject->denied_retry_at_ms = now_ms + wait_ms;
        subject->denied_until_ms = now_ms + clamp(wait_ms, DENIED_MIN_MS, DENIED_MAX_MS);
    }
}

static void take_over(const Leases *leases, LeaseSubject *subject, const LeaseAsk *ask,
                      const LeaseAnswer *answer, int64_t now_ms)
{
    uint64_t max = leases_ahead_max(&subject->plan);
    subject->asked = false;
    subject->given_back = 0;
    subject->debt = above(subject->debt, ask->debt);
    subject->held += answer->granted;
    subject->slots = answer->slots;
    subject->answered_ms = now_ms;
    subject->rate_left = answer->rate_left;
    subject->quota_left = answer->quota_left;
    subject->quota_reset_at_ms = now_ms + answer->quota_reset_ms;
    if (answer->granted) {
        if (now_ms < subject->until_ms) /* the former was used up before its end */
            subject->size = subject->size * 2 < max ? subject->size * 2 : max;
        subject->until_ms = now_ms + leases->options.life_ms;
        if (ask->plan.quota && subject->until_ms > subject->quota_reset_at_ms)
            subject->until_ms = subject->quota_reset_at_ms;
    }
    if (ask->want)
        note_denial(subject, answer, now_ms);
    if (ask->slots > answer->slots)
        subject->slots_denied_until_ms = now_ms + SLOTS_DENIED_MS;
}

static bool has_slots_to_give(const LeaseSubject *subject)
{
    return subject->slots > subject->in_flight + subject->waiting + lease_spare_slots(subject);
}

/* Whoever came while the question was under way would hear the same. */
static void refuse_rest(LeaseSubject *subject, const LeaseAsk *ask, const LeaseAnswer *answer,
                        int64_t now_ms)
{
    bool tokens = subject->held == 0 && lease_counts_tokens(&subject->plan);
    bool no_tokens = tokens && answer->reason != LIMIT_NO_REASON && ask->want;
    bool no_slots = !tokens && ask->slots > answer->slots;
    if (!no_tokens && !no_slots)
        return;
    int64_t retry_ms = no_tokens ? subject->denied_retry_at_ms - now_ms : 1000;
    for (LeaseHold *hold = lease_shift(subject); hold; hold = lease_shift(subject)) {
        lease_refuse(hold, no_tokens ? answer->reason : LIMIT_CONCURRENCY,
                     retry_ms > 0 ? retry_ms : 1);
        hold->wake(hold->context);
    }
}

void leases_answer(Leases *leases, const LeaseAsk *asks, const LeaseAnswer *answers, size_t count,
                   int64_t now_ms)
{
    pthread_mutex_lock(&leases->lock);
    leases->away = false;
    for (size_t i = 0; i < count; i++) {
        LeaseSubject *subject = asks[i].subject;
        take_over(leases, subject, &asks[i], &answers[i], now_ms);
        lease_serve(subject);
        refuse_rest(subject, &asks[i], &answers[i], now_ms);
        if (subject->first || has_slots_to_give(subject))
            lease_mark(leases, subject);
    }
    pthread_mutex_unlock(&leases->lock);
}

/* --- no answer -------------------------------------------------------------------------------- */

static void stop_waiting(const Leases *leases, LeaseSubject *subject, int64_t now_ms)
{
    for (LeaseHold *hold = lease_shift(subject); hold; hold = lease_shift(subject)) {
        lease_decide_alone(leases, subject, hold, now_ms);
        hold->wake(hold->context);
    }
}

void leases_failed(Leases *leases, const LeaseAsk *asks, size_t count, int64_t now_ms)
{
    pthread_mutex_lock(&leases->lock);
    leases->away = true;
    leases->away_until_ms = now_ms + AWAY_RETRY_MS;
    for (size_t i = 0; i < count; i++) { /* the ledger lets nothing be given back twice */
        LeaseSubject *subject = asks[i].subject;
        subject->asked = false;
        subject->held += subject->given_back;
        subject->given_back = 0;
        lease_mark(leases, subject);
    }
    for (size_t i = 0; i < LEASE_BUCKETS; i++)
        for (LeaseSubject *subject = leases->buckets[i]; subject; subject = subject->next)
            stop_waiting(leases, subject, now_ms);
    pthread_mutex_unlock(&leases->lock);
}

/* --- time passes ------------------------------------------------------------------------------ */

static bool is_due(const Leases *leases, const LeaseSubject *subject, int64_t now_ms)
{
    if (subject->asked || !has_something(subject))
        return false;
    return is_over(subject, now_ms) || now_ms - subject->answered_ms >= leases->options.life_ms / 3;
}

static bool is_gone(const LeaseSubject *subject, int64_t now_ms)
{
    return !subject->holds && !subject->asked && !subject->dirty && !has_something(subject) &&
           now_ms - subject->touched_ms > SUBJECT_IDLE_MS;
}

void leases_tick(Leases *leases, int64_t now_ms)
{
    pthread_mutex_lock(&leases->lock);
    for (size_t i = 0; i < LEASE_BUCKETS; i++)
        for (LeaseSubject **link = &leases->buckets[i]; *link;) {
            LeaseSubject *subject = *link;
            if (is_gone(subject, now_ms)) {
                *link = subject->next;
                free(subject);
                continue;
            }
            if (is_due(leases, subject, now_ms))
                lease_mark(leases, subject);
            link = &subject->next;
        }
    pthread_mutex_unlock(&leases->lock);
}
