/* The parameters of GET /interactions, cursor included: what is taken can be written and read
 * again, and means the same. The first byte chooses whether the caller has a tenant. */
#include "common/base/check.h"
#include "common/base/when.h"
#include "services/ingest/read/query.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new((size_t)1 << 20);
    InteractionQuery query, again;
    const char *why = NULL;
    int64_t us = 0;
    Str text = {(const char *)data, size};
    if (when_parse(text, WHEN_TO, &us))
        CHECK(us >= WHEN_MIN_US && us <= WHEN_MAX_US + 86400000000LL);
    Cursor at = {us > 0 ? us : 1, "01a205d6-1996-7097-8acb-603d3ea9a8bc", STR("t"), STR_NONE};
    Str tenant = size && data[0] == '&' ? STR("a") : STR_NONE;
    if (!query_read(text, tenant, arena, &query, &why)) {
        CHECK(why && why[0]);
        return 0;
    }
    CHECK(!query.has_cursor || query.cursor.tenant.len <= CURSOR_TENANT_MAX);
    Str next = query_write_next(&query, &at, arena);
    CHECK(next.ptr && query_read(next, tenant, arena, &again, &why));
    CHECK(again.filters == query.filters && again.cursor.received_us == at.received_us);
    return 0;
}
