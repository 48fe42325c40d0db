#include "services/lake-submitter/submit.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/destinations/secret.h"
#include "services/lake-submitter/encode.h"
#include "services/lake-submitter/ledger.h"
#include "services/lake-submitter/role.h"

/* --- the client --------------------------------------------------------------------------------
 */
/* NULL when there is none. */
static bool tls_file(const SubmitterConfig *config, Str name, char path[SECRET_PATH_MAX],
                     const char **ret_path, Err *err)
{
    *ret_path = NULL;
    if (!name.len)
        return true;
    TRY(secret_path(config->secrets, name, path, err));
    *ret_path = path;
    return true;
}

bool submit_open_client(const SubmitterConfig *config, const Destination *destination,
                        HttpClient **ret_client, Err *err)
{
    char ca[SECRET_PATH_MAX], cert[SECRET_PATH_MAX], key[SECRET_PATH_MAX];
    HttpClientOptions options = {
        .user_agent = "fhirbus/" FHIRBUS_VERSION,
        .connect_timeout_ms = (uint32_t)destination->connect_ms,
        .timeout_ms = (uint32_t)destination->total_ms,
        .connections_max = (uint32_t)destination->concurrency + 1, /* and one for a token */
        .fresh_connections = destination->fresh_connections,
        /* An object's http:// URLs lead to loopback: it is refused otherwise. */
        .allow_plain_http = config->lake_plain_http || destination->version > 0,
    };
    TRY(tls_file(config, destination->ca_file, ca, &options.ca_file, err));
    TRY(tls_file(config, destination->cert_file, cert, &options.cert_file, err));
    TRY(tls_file(config, destination->key_file, key, &options.key_file, err));
    return http_client_new(&options, ret_client, err);
}

/* --- the request -------------------------------------------------------------------------------
 */
static bool make_url(const Destination *destination, Item *item, Err *err)
{
    const Submission *submission = &item->submission;
    Str base = submission->url.len ? submission->url : destination->url;
    Str agent = encode_percent(item->arena, submission->processing_agent);
    bool more = str_find_char(base, '?') < base.len;
    if (!destination_allows(destination, base))
        return ERR(err, ERR_INPUT, "url-not-allowed", "%s does not allow the sender's URL",
                   destination->name);
    item->url = !agent.ptr  ? STR_NONE
                : agent.len ? arena_format(item->arena, "%.*s%sprocessingAgent=%.*s", STR_ARG(base),
                                           more ? "&" : "?", STR_ARG(agent))
                            : arena_copy(item->arena, base);
    if (!item->url.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for the URL");
    return true;
}

bool submit_start(const Destination *destination, const Access *access, HttpClient *client,
                  Item *item, void (*done)(void *context, const HttpResult *result), Err *err)
{
    const Submission *submission = &item->submission;
    Trace parent;
    if (!item->marked) {
        item->mark = arena_mark(item->arena);
        item->marked = true;
    }
    arena_release(item->arena, item->mark); /* what the attempt before left */
    item->trace =
        trace_parse(submission->envelope.traceparent, &parent) ? trace_child(&parent) : trace_new();
    trace_format(&item->trace, item->traceparent);
    item->url = STR_NONE;
    TRY(make_url(destination, item, err));
    HttpHeader secret = access_header(access);
    bool with_secret = secret.name.len && destination_same_origin(destination, item->url);
    const HttpHeader headers[] = {
        {STR("Content-Type"),    submission->content_type   },
        {STR("Idempotency-Key"), submission->idempotency_key},
        {STR("traceparent"),     str_from(item->traceparent)},
        secret
    };
    const HttpCall call = {
        .method = "POST",
        .url = item->url.ptr,
        .headers = headers,
        .header_count = with_secret ? 4 : 3,
        .body = submission->body,
        .done = done,
        .context = item,
    };
    item->edition = with_secret ? access_edition(access) : 0;
    item->started_us = clock_wall_us();
    return http_client_start(client, &call, err);
}

/* --- the record --------------------------------------------------------------------------------
 */
/* scheme://user:password@host/... without what is between. */
static Str without_credentials(Arena *arena, Str url)
{
    size_t scheme = str_find(url, STR("://"));
    if (scheme == SIZE_MAX)
        return url;
    Str rest = str_skip(url, scheme + 3);
    size_t slash = str_find_char(rest, '/');
    size_t at = str_rfind_char(str_cut(rest, 0, slash), '@');
    if (at == SIZE_MAX)
        return url;
    Str host = str_skip(rest, at + 1);
    return arena_format(arena, "%.*s%.*s", STR_ARG(str_cut(url, 0, scheme + 3)), STR_ARG(host));
}

/* What helps to find a request again in the destination's logs, or tells what it wants. */
static uint32_t headers_of_interest(Arena *arena, const HttpResult *result,
                                    const NameValue **ret_headers)
{
    static const char *const names[] = {
        "Date",         "Retry-After",      "Location",         "WWW-Authenticate", "Server",
        "X-Request-Id", "X-Correlation-Id", "x-amzn-RequestId", "x-amzn-ErrorType", "Via",
    };
    enum { COUNT = sizeof names / sizeof names[0], VALUE_MAX = 300 };
    NameValue *list = ARENA_ARRAY(arena, NameValue, COUNT);
    uint32_t count = 0;
    for (size_t i = 0; list && i < COUNT; i++) {
        Str value = http_result_header(result, str_from(names[i]));
        if (value.len && value.len <= VALUE_MAX && utf8_valid(value))
            list[count++] = (NameValue){str_from(names[i]), arena_copy(arena, value)};
    }
    *ret_headers = list;
    return count;
}

/* Of an answer, too, more than its number: for those who read lists. */
static Str what_went_wrong(const HttpResult *result, const Answer *answer)
{
    if (answer->success)
        return STR("");
    if (result->failure != HTTP_FAILURE_NONE)
        return str_from(result->text);
    return result->status < 300   ? STR("its status is not \"Success\"")
           : result->status < 400 ? STR("a redirect, which is not followed")
           : answer->retriable    ? STR("it cannot take it now")
                                  : STR("it refuses it");
}

static Delivery delivery_of(const SubmitterConfig *config, Item *item, const HttpResult *result,
                            const Answer *answer)
{
    const Submission *submission = &item->submission;
    bool cut = result->body.len > config->answer_keep_bytes;
    Delivery delivery = {
        .destination = submission->destination,
        .url = without_credentials(item->arena, item->url.ptr ? item->url : submission->url),
        .idempotency_key = submission->idempotency_key,
        .attempt = item->attempt,
        .budget_used = item->failures,
        .started_at_us = item->started_us,
        .finished_at_us = clock_wall_us(),
        .http_status = result->status,
        .success = answer->success,
        .final = item->final,
        .error_class = str_from(answer->error_class),
        .error_text = what_went_wrong(result, answer),
        .response_body =
            str_cut(result->body, 0, cut ? config->answer_keep_bytes : result->body.len),
        .response_truncated = cut || result->failure == HTTP_FAILURE_TOO_LARGE,
        .request_bytes = submission->body.len,
        .response_content_type = http_result_header(result, STR("Content-Type")),
        .rules_version = submission->rules_version,
        .transforms_json = submission->transforms_json,
    };
    delivery.response_header_count =
        headers_of_interest(item->arena, result, &delivery.response_headers);
    return delivery;
}

bool submit_record(const SubmitterConfig *config, bool ledger, Item *item, const HttpResult *result,
                   const Answer *answer, Err *err)
{
    const Submission *submission = &item->submission;
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    if (ledger) {
        const Delivery delivery = delivery_of(config, item, result, answer);
        item->topic = "events";
        return ledger_record(submission, &delivery, item->arena, &item->record, err);
    }
    item->topic = "response";
    Response response = envelope_response(&submission->envelope, RESPONSE_DELIVERY,
                                          STR("lake-submitter"), clock_wall_us());
    envelope_sha256(submission->body, hash);
    response.traceparent = str_from(item->traceparent);
    response.has_delivery = true;
    response.delivery = delivery_of(config, item, result, answer);
    response.delivery.request_sha256 = (Str){(const char *)hash, sizeof hash};
    return response_encode(&response, item->arena, &item->record, err);
}

bool submit_note(bool ledger, Item *item, Arena *arena, Err *err)
{
    const Submission *submission = &item->submission;
    item->topic = ledger ? "events" : "response";
    if (ledger)
        return ledger_note(submission, item->attempt, arena, &item->record, err);
    Response response = envelope_response(&submission->envelope, RESPONSE_BURIED,
                                          STR("lake-submitter"), clock_wall_us());
    response.has_delivery = true;
    response.delivery.destination = submission->destination;
    response.delivery.attempt = item->attempt;
    return response_encode(&response, arena, &item->record, err);
}
