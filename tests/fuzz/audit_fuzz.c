/* Records of the topic audit, and the parameters of GET /AuditEvent. The first byte chooses: a
 * record that is read can be written again and makes an AuditEvent that is JSON; a query that is
 * taken has bounds that hold, and the cursor made of its place is taken again. */
#include "common/audit/trail.h"
#include "common/base/check.h"
#include "common/base/utf8.h"
#include "common/json/json.h"
#include "services/ingest/read/audit_query.h"
#include "tests/fuzz/target.h"

static void check_column(Str column)
{
    CHECK(column.ptr && column.len <= AUDIT_COLUMN_BYTES);
}

static void read_record(Str bytes, Arena *arena)
{
    const AuditPlace place = {.partition = 3, .seq = 17, .topic_offset = 99};
    unsigned char hash[AUDIT_HASH_BYTES] = {0};
    AuditColumns columns, second;
    AuditRecord record, again;
    Str written;
    JsonDoc doc;
    Err err = {0};
    BUF_AUTO event;
    buf_init(&event, 16 << 20);
    audit_chain(hash, &place, bytes);
    bool readable = audit_columns(bytes, 1800000000000000, arena, &columns, &record);
    CHECK(columns.kind && columns.at_us > 0);
    check_column(columns.resource);
    check_column(columns.caller);
    if (!readable)
        return;
    audit_event_write(&record, &place, &event);
    CHECK(!event.overflowed && !memchr(event.data, '\n', event.len ? event.len - 1 : 0));
    if (json_read(buf_str(&event), NULL, NULL, arena, &doc, NULL, &err))
        CHECK(str_is(json_get_text(&doc, json_root(&doc), "resourceType"), "AuditEvent"));
    else
        CHECK(err.code && strcmp(err.code, "memory-limit") == 0);
    CHECK(audit_record_encode(&record, arena, &written, &err));
    CHECK(audit_columns(written, 1800000000000000, arena, &second, &again));
    CHECK(str_eq(columns.resource, second.resource) && columns.at_us == second.at_us);
}

static void read_query(Str query, Arena *arena)
{
    AuditSearch search, again;
    const char *why = NULL;
    if (!audit_query_read(query, arena, &search, &why)) {
        CHECK(why && why[0]);
        return;
    }
    CHECK(search.limit > 0 && search.limit <= AUDIT_COUNT_MAX);
    if (!search.after)
        return;
    AuditFound last = {.at_us = search.after_us, .place = search.after_place};
    Str next = ARENA_JOIN(arena, STR("_cursor="), audit_query_cursor(&last, arena));
    CHECK(audit_query_read(next, arena, &again, &why));
    CHECK(again.after_us == search.after_us && again.after_place.seq == search.after_place.seq &&
          again.after_place.partition == search.after_place.partition);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new((size_t)32 << 20);
    if (size == 0)
        return 0;
    Str rest = {(const char *)data + 1, size - 1};
    if (data[0] % 2)
        read_record(rest, arena);
    else
        read_query(rest, arena);
    return 0;
}
