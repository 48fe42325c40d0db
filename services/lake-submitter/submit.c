#include "services/lake-submitter/submit.h"

#include "services/lake-submitter/role.h"

bool submit_open_client(const SubmitterConfig *config, HttpClient **ret_client, Err *err)
{
    const HttpClientOptions options = {
        .ca_file = config->lake_ca_file,
        .cert_file = config->lake_cert_file,
        .key_file = config->lake_key_file,
        .user_agent = "fhirbus/" FHIRBUS_VERSION,
        .connect_timeout_ms = (uint32_t)config->lake_connect_timeout_ms,
        .timeout_ms = (uint32_t)config->lake_timeout_ms,
        .connections_max = (uint32_t)config->connections_max,
        .allow_plain_http = config->lake_plain_http,
    };
    return http_client_new(&options, ret_client, err);
}

/* spec: RFC 3986 section 2.3: what is not unreserved is percent-encoded */
static Str encoded(Arena *arena, Str text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, text.len * 3 + 1);
    size_t len = 0;
    for (size_t i = 0; out && i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = digits[c >> 4];
            out[len++] = digits[c & 15];
        }
    }
    return (Str){out, len};
}

static bool make_url(const SubmitterConfig *config, Item *item, Err *err)
{
    Str base = item->submission.url.len ? item->submission.url : str_from(config->lake_url);
    Str agent = encoded(item->arena, item->submission.processing_agent);
    bool more = str_find_char(base, '?') < base.len;
    item->url = agent.ptr ? arena_format(item->arena, "%.*s%sprocessingAgent=%.*s", STR_ARG(base),
                                         more ? "&" : "?", STR_ARG(agent))
                          : STR_NONE;
    if (!item->url.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for the URL");
    return true;
}

bool submit_start(const SubmitterConfig *config, HttpClient *client, Item *item,
                  void (*done)(void *context, const HttpResult *result), Err *err)
{
    const Submission *submission = &item->submission;
    /* The key is for the destination that it was given for, not for an address of a sender's. */
    bool with_key = config->lake_api_key && submission->url.len == 0;
    Trace parent;
    if (!item->url.ptr) {
        TRY(make_url(config, item, err));
        item->mark = arena_mark(item->arena);
    }
    arena_release(item->arena, item->mark); /* what the attempt before left */
    item->trace =
        trace_parse(submission->envelope.traceparent, &parent) ? trace_child(&parent) : trace_new();
    trace_format(&item->trace, item->traceparent);
    const HttpHeader headers[] = {
        {STR("Content-Type"),    submission->content_type      },
        {STR("Idempotency-Key"), submission->idempotency_key   },
        {STR("traceparent"),     str_from(item->traceparent)   },
        {STR("x-api-key"),       str_from(config->lake_api_key)},
    };
    const HttpCall call = {
        .method = "POST",
        .url = item->url.ptr,
        .headers = headers,
        .header_count = with_key ? 4 : 3,
        .body = submission->body,
        .done = done,
        .context = item,
    };
    item->started_us = role_now_us();
    return http_client_start(client, &call, err);
}

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

bool submit_record(const SubmitterConfig *config, Item *item, const HttpResult *result,
                   const Answer *answer, Err *err)
{
    const Submission *submission = &item->submission;
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    bool cut = result->body.len > config->answer_keep_bytes;
    Response response = envelope_response(&submission->envelope, RESPONSE_DELIVERY,
                                          STR("lake-submitter"), role_now_us());
    envelope_sha256(submission->body, hash);
    response.traceparent = str_from(item->traceparent);
    response.has_delivery = true;
    response.delivery = (Delivery){
        .destination = submission->destination,
        .url = without_credentials(item->arena, item->url),
        .idempotency_key = submission->idempotency_key,
        .attempt = item->attempt,
        .started_at_us = item->started_us,
        .finished_at_us = response.at_us,
        .http_status = result->status,
        .success = answer->success,
        .final = item->final,
        .error_class = str_from(answer->error_class),
        .error_text = str_from(answer->success ? "" : result->text),
        .response_body =
            str_cut(result->body, 0, cut ? config->answer_keep_bytes : result->body.len),
        .response_truncated = cut || result->failure == HTTP_FAILURE_TOO_LARGE,
        .request_sha256 = {(const char *)hash, sizeof hash},
        .request_bytes = submission->body.len,
        .response_content_type = http_result_header(result, STR("Content-Type")),
        .rules_version = submission->rules_version,
        .transforms_json = submission->transforms_json,
    };
    return response_encode(&response, item->arena, &item->record, err);
}
