#include "services/ingest/exchange.h"

#include "common/base/check.h"
#include "services/ingest/hosts.h"
#include "services/ingest/lookups.h"

Answer *answer_new(size_t bytes)
{
    Answer *answer = calloc(1, sizeof *answer);
    CHECK(answer);
    atomic_init(&answer->refs, 1);
    answer->arena = arena_new(bytes);
    return answer;
}

void answer_release(Answer *answer)
{
    if (!answer || atomic_fetch_sub(&answer->refs, 1) != 1)
        return;
    arena_free(answer->arena);
    bus_kept_free(answer->message);
    free(answer);
}

Exchange *exchange_new(Ingest *ingest, HttpRequest *request)
{
    Exchange *exchange = calloc(1, sizeof *exchange);
    CHECK(exchange);
    atomic_init(&exchange->refs, 1);
    CHECK(pthread_mutex_init(&exchange->lock, NULL) == 0);
    exchange->ingest = ingest;
    exchange->request = request;
    exchange->arena = http_request_arena(request);
    exchange->client_address = http_request_address(request);
    return exchange;
}

void exchange_hold(Exchange *exchange)
{
    atomic_fetch_add(&exchange->refs, 1);
}

void exchange_release(Exchange *exchange)
{
    if (atomic_fetch_sub(&exchange->refs, 1) != 1)
        return;
    answer_release(exchange->answer);
    question_free(exchange->question);
    auth_release(&exchange->identity);
    host_release(exchange);
    pthread_mutex_destroy(&exchange->lock);
    free(exchange);
}

void exchange_wake(Exchange *exchange)
{
    if (exchange->request)
        http_request_wake(exchange->request);
}
