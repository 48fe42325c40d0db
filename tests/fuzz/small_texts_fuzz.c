/* Short texts of headers, forms and settings; the first byte chooses. What is read can be written,
 * and reads the same. */
#include <arpa/inet.h>
#include <string.h>

#include "common/auth/base64url.h"
#include "common/auth/credential.h"
#include "common/auth/scope.h"
#include "common/base/check.h"
#include "common/base/when.h"
#include "common/envelope/uuid.h"
#include "common/http/networks.h"
#include "common/obs/trace.h"
#include "services/ingest/sessions/documents.h"
#include "tests/fuzz/target.h"

static void read_trace(Str text, Arena *arena)
{
    Trace trace, again;
    char written[TRACEPARENT_SIZE];
    (void)arena;
    if (!trace_parse(text, &trace))
        return;
    CHECK(trace_is_set(&trace));
    trace_format(&trace, written);
    CHECK(trace_parse(str_from(written), &again));
    CHECK(memcmp(trace.trace_id, again.trace_id, sizeof trace.trace_id) == 0);
    Trace child = trace_child(&trace);
    CHECK(memcmp(trace.trace_id, child.trace_id, sizeof trace.trace_id) == 0);
}

static void read_credential(Str text, Arena *arena)
{
    Str id;
    (void)arena;
    for (CredentialKind kind = CREDENTIAL_API_KEY; kind <= CREDENTIAL_CLIENT_SECRET; kind++)
        if (credential_id(kind, text, &id))
            CHECK(text.len == CREDENTIAL_LEN && id.len == CREDENTIAL_ID_LEN &&
                  str_starts(text, id));
}

static void read_networks(Str text, Arena *arena)
{
    Networks networks;
    Err err = {0};
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
    (void)arena;
    if (!networks_parse(text, &networks, &err)) {
        CHECK(err.kind == ERR_FATAL && err.text[0]);
        return;
    }
    CHECK(networks.count <= NETWORKS_MAX);
    for (size_t i = 0; i < networks.count; i++)
        CHECK(networks.list[i].bits <= 128);
    (void)networks_have(&networks, (const struct sockaddr *)&own);
}

static void read_base64url(Str text, Arena *arena)
{
    Str bytes;
    BUF_AUTO out;
    buf_init(&out, text.len + 8);
    if (!base64url_decode(text, arena, &bytes))
        return;
    base64url_write(&out, bytes);
    CHECK(str_eq(buf_str(&out), text));
}

static void read_url(Str text, Arena *arena)
{
    (void)arena;
    CHECK(!oidc_url_fits(text) || str_starts(text, STR("http")));
}

static void read_when(Str text, Arena *arena)
{
    int64_t from, to;
    (void)arena;
    if (when_parse(text, WHEN_FROM, &from) && when_parse(text, WHEN_TO, &to))
        CHECK(from >= WHEN_MIN_US && from <= to);
}

static void read_scope(Str text, Arena *arena)
{
    const ScopeNeed need = {.type = "Bundle", .letter = 'c'};
    (void)arena;
    (void)scope_covers(text, &need);
    CHECK(!uuid_valid(text) || text.len == 36);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(Str, Arena *) = {read_trace,     read_credential, read_networks,
                                                    read_base64url, read_url,        read_when,
                                                    read_scope};
    ARENA_AUTO arena = arena_new((size_t)1 << 20);
    if (size)
        readers[data[0] % (sizeof readers / sizeof readers[0])](
            (Str){(const char *)data + 1, size - 1}, arena);
    return 0;
}
