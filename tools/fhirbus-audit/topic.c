#include "tools/fhirbus-audit/audit.h"

enum { WAIT_MS = 30000 };

static bool partition_extent(Tool *tool, int32_t partition, BusRange *ret_range, Err *err)
{
    BusRange *all = ARENA_ARRAY(tool->arena, BusRange, PARTITIONS_MAX);
    size_t count = 0;
    TRY(all ? bus_extent(&tool->config.bus, "audit", WAIT_MS, all, PARTITIONS_MAX, &count, err)
            : ERR(err, ERR_RETRY, "memory-limit", "no memory"));
    for (size_t i = 0; i < count; i++)
        if (all[i].partition == partition) {
            *ret_range = all[i];
            return true;
        }
    *ret_range = (BusRange){partition, 0, 0};
    return true;
}

/* The rows from `from` on, one after another, by their offsets. */
typedef struct Rows {
    DbResult *result;
    size_t next;
    int64_t seq;
} Rows;

static bool next_row(Tool *tool, int32_t partition, Rows *rows, bool *ret_there, Err *err)
{
    *ret_there = true;
    if (rows->result && rows->next < db_rows(rows->result))
        return true;
    DbParams params;
    db_result_free(rows->result);
    rows->result = NULL;
    arena_reset(tool->arena);
    db_params_init(&params, tool->arena);
    db_int(&params, partition);
    db_bigint(&params, rows->seq);
    db_bigint(&params, 1000);
    TRY(db_run(tool->db, &chain_rows, &params, &rows->result, err));
    rows->next = 0;
    *ret_there = db_rows(rows->result) > 0;
    if (*ret_there)
        rows->seq = db_get_int(rows->result, db_rows(rows->result) - 1, 0);
    return true;
}

static void note(int64_t *count, int64_t *first, int64_t offset)
{
    if ((*count)++ == 0)
        *first = offset;
}

static bool compare(Tool *tool, BusRanges *ranges, int32_t partition, Rows *rows,
                    int64_t dropped_offset, TopicFinding *found, Err *err)
{
    bool end = false, there = false;
    const BusMessage *m;
    while ((m = bus_ranges_head(ranges, 0, WAIT_MS, &end))) {
        for (;;) { /* rows of what the topic has forgotten */
            TRY(next_row(tool, partition, rows, &there, err));
            if (!there || db_get_int(rows->result, rows->next, 1) >= m->offset)
                break;
            rows->next++;
        }
        Str value = m->value.ptr ? m->value : STR("");
        bool kept = there && db_get_int(rows->result, rows->next, 1) == m->offset;
        if (!kept && m->offset <= dropped_offset)
            found->dropped++;
        else if (!kept)
            note(&found->missing, &found->first_missing, m->offset);
        else if (!str_eq(db_get_text(rows->result, rows->next, 3), value))
            note(&found->different, &found->first_different, m->offset);
        found->compared++;
        bus_ranges_pass(ranges, 0);
    }
    return end || ERR(err, ERR_RETRY, "topic-read", "the topic could not be read to its end");
}

bool topic_compare(Tool *tool, const Head *kept, int64_t begun_seq, int64_t dropped_offset,
                   TopicFinding *ret_finding, Err *err)
{
    BusRange range;
    BusRanges *ranges = NULL;
    Rows rows = {.seq = begun_seq};
    *ret_finding = (TopicFinding){0};
    arena_reset(tool->arena);
    TRY(partition_extent(tool, kept->partition, &range, err));
    if (range.end > kept->topic_offset + 1)
        range.end = kept->topic_offset + 1; /* what came later is still under way */
    if (range.from >= range.end)
        return true;
    TRY(bus_ranges_new(&tool->config.bus, "audit", &range, 1, &ranges, err));
    bool fine = compare(tool, ranges, kept->partition, &rows, dropped_offset, ret_finding, err);
    bus_ranges_free(ranges);
    db_result_free(rows.result);
    return fine;
}
