#include "services/ingest/gateway.h"

#include "common/auth/callers.h"
#include "common/base/clock.h"
#include "common/http/forwarded.h"
#include "services/ingest/exchange.h"
#include "services/ingest/hosts.h"

/* The last field of that name: what was added last. */
static Str last_field(const Exchange *exchange, Str wanted)
{
    Str name, value, last = STR_NONE;
    for (size_t i = 0; http_request_field(exchange->request, i, &name, &value); i++)
        if (str_eq_ignore_case(name, wanted))
            last = value;
    return last;
}

/* An address that shares another's place is told of more often, never less. */
static bool was_said(Ingest *ingest, const char *event, Str address)
{
    uint64_t minute = (uint64_t)(clock_mono_ms() / 60000);
    uint64_t hash = str_hash(address) ^ str_hash(str_from(event));
    uint64_t said = hash ^ minute;
    return atomic_exchange(&ingest->gateway_told[hash % GATEWAY_TOLD], said) == said;
}

void gateway_proxy_trouble(void *context, Str peer, HttpProxyTrouble what)
{
    static const char *const events[] = {[HTTP_PROXY_IGNORED] = "proxy.ignored",
                                         [HTTP_PROXY_BROKEN] = "proxy.malformed",
                                         [HTTP_PROXY_MISSING] = "proxy.missing"};
    Ingest *ingest = context;
    if (!was_said(ingest, events[what], peer))
        LOG_AT(ingest->log, LOG_WARN, events[what], LOG_STR("address", peer));
}

static void say(const Exchange *exchange, const char *event, bool always)
{
    Ingest *ingest = exchange->ingest;
    Str address = http_request_address(exchange->request);
    if (!always && was_said(ingest, event, address))
        return;
    LOG_AT(ingest->log, LOG_WARN, event, LOG_STR("address", address),
           LOG_STR("caller", exchange->caller));
}

void gateway_take(Exchange *exchange)
{
    Str forwarded = last_field(exchange, STR("forwarded"));
    Str client = last_field(exchange, STR("x-forwarded-for"));
    Str host = last_field(exchange, STR("x-forwarded-host"));
    const Caller *caller = exchange->identity.caller;
    Forwarded said = {0};
    if (!forwarded.ptr && !client.ptr && !host.ptr)
        return;
    if (!caller || !caller->gateway) {
        say(exchange, "gateway.ignored", false);
        return;
    }
    if (forwarded.ptr ? !forwarded_parse(forwarded, &said)
                      : client.ptr && !forwarded_for(client, &said)) {
        say(exchange, "gateway.malformed", false);
        return;
    }
    if (!forwarded.ptr)
        said.host = host;
    if (said.address[0])
        exchange->client_address = arena_copy(exchange->arena, str_from(said.address));
    if (said.host.len && !host_change(exchange, said.host))
        say(exchange, "gateway.unknown_host", false);
}
