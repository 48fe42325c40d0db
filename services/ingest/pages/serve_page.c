/* GET /admin/diagnostics/...: the pages themselves. Anybody may load them: they hold no data, and
 * what they ask for is asked with the session's cookie. */
#include "common/http/fields.h"
#include "services/ingest/exchange.h"
#include "services/ingest/pages/pages.h"
#include "services/ingest/refuse.h"

#define PREFIX "/admin/diagnostics/"
/* Nothing from elsewhere, nothing inline, no text that becomes markup. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "   \
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "             \
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "                \
    "trusted-types fhirbus"

static void add_headers(HttpRequest *request)
{
    http_reply_header(request, "Content-Security-Policy", STR(POLICY));
    http_reply_header(request, "Referrer-Policy", STR("no-referrer"));
    http_reply_header(request, "X-Frame-Options", STR("DENY"));
    http_reply_header(request, "Cross-Origin-Opener-Policy", STR("same-origin"));
    http_reply_header(request, "Cross-Origin-Resource-Policy", STR("same-origin"));
    http_reply_header(request, "Cross-Origin-Embedder-Policy", STR("require-corp"));
    http_reply_header(
        request, "Permissions-Policy",
        STR("camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()"));
}

static bool accepts(Str header, const char *coding)
{
    Str element;
    while (header.ptr && http_list_next(&header, &element)) {
        Str name = str_trim(str_cut(element, 0, str_find_char(element, ';')));
        Str q = http_media_parameter(element, STR("q"));
        bool never = str_is(q, "0") || str_is(q, "0.0") || str_is(q, "0.00") || str_is(q, "0.000");
        if (str_eq_ignore_case(name, str_from(coding)) && !never)
            return true;
    }
    return false;
}

static const struct PageBytes *choose(HttpRequest *request, const Page *page)
{
    Str accept = http_request_list(request, STR("accept-encoding"));
    if (page->brotli.from && accepts(accept, "br")) {
        http_reply_header(request, "Content-Encoding", STR("br"));
        return &page->brotli;
    }
    if (page->gzip.from && accepts(accept, "gzip")) {
        http_reply_header(request, "Content-Encoding", STR("gzip"));
        return &page->gzip;
    }
    return &page->plain;
}

static bool unchanged(HttpRequest *request, Str tag)
{
    Str list = http_request_list(request, STR("if-none-match")), element;
    while (list.ptr && http_list_next(&list, &element)) {
        Str one = str_starts(element, STR("W/")) ? str_skip(element, 2) : element;
        if (str_eq(one, tag) || str_is(one, "*"))
            return true;
    }
    return false;
}

static StepNext send_page(Exchange *exchange, const Page *page)
{
    HttpRequest *request = exchange->request;
    Str tag = arena_format(exchange->arena, "\"%s\"", page->tag);
    add_headers(request);
    exchange->cacheable = true;
    http_reply_header(request, "Cache-Control",
                      page->for_ever ? STR("public, max-age=31536000, immutable")
                                     : STR("no-cache"));
    http_reply_header(request, "ETag", tag);
    http_reply_header(request, "Vary", STR("Accept-Encoding"));
    if (unchanged(request, tag)) {
        http_reply_status(request, 304);
        return STEP_REPLY;
    }
    http_reply_status(request, 200);
    http_reply_header(request, "Content-Type", str_from(page->type));
    const struct PageBytes *bytes = choose(request, page);
    buf_add(http_reply_body(request), (Str){bytes->from, (size_t)(bytes->end - bytes->from)});
    return STEP_REPLY;
}

StepNext step_page(Exchange *exchange)
{
    Str path = http_request_path(exchange->request);
    if (!str_starts(path, STR(PREFIX))) { /* without the slash: relative names would go astray */
        exchange->cacheable = true;
        http_reply_status(exchange->request, 308);
        http_reply_header(exchange->request, "Cache-Control", STR("no-cache"));
        http_reply_header(exchange->request, "Location", STR(PREFIX));
        return STEP_REPLY;
    }
    const Page *page = page_find(str_skip(path, STR(PREFIX).len));
    if (!page)
        return refuse(exchange, 404, "not-found", "Resource not found");
    return send_page(exchange, page);
}
