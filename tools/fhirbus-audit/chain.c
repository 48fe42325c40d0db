#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/fhirbus-audit/audit.h"

enum { PAGE = 2000, HEX_BYTES = 2 * AUDIT_HASH_BYTES };

const DbStatement chain_heads = {
    "chain-heads",
    "SELECT partition, seq, topic_offset, hash FROM fhirbus_audit.chain ORDER BY partition"};
const DbStatement chain_anchors = {
    "chain-anchors", "SELECT DISTINCT ON (partition) partition, seq, topic_offset, hash "
                     "FROM fhirbus_audit.anchor ORDER BY partition, seq DESC"};
const DbStatement chain_rows = {
    "chain-rows",
    "SELECT seq, topic_offset, hash, record, at, kind, action, operation, resource, tenant, "
    "caller, address, status, outcome, subject FROM fhirbus_audit.record "
    "WHERE partition = $1 AND seq > $2 ORDER BY seq LIMIT $3"};

typedef struct Heads {
    Head list[PARTITIONS_MAX];
    size_t count;
} Heads;

/* One chain while it is walked. */
typedef struct Walk {
    Tool *tool;
    Head at;          /* the record before */
    KeptHeads wanted; /* kept outside, of this chain */
    size_t next;      /* of these, the first that was not come to yet */
    uint64_t records, gaps, proven;
    int64_t begun_seq;      /* of the topic as it is now: behind this one */
    int64_t dropped_offset; /* of the anchor; -1: nothing was dropped */
    bool broken;
} Walk;

/* --- heads ------------------------------------------------------------------------------------ */

static void hash_text(const unsigned char *hash, char ret_text[HEX_BYTES + 1])
{
    for (size_t i = 0; i < AUDIT_HASH_BYTES; i++)
        snprintf(ret_text + 2 * i, 3, "%02x", hash[i]);
}

static bool read_heads(Tool *tool, const DbStatement *statement, Heads *ret, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, tool->arena);
    TRY(db_run(tool->db, statement, &params, &result, err));
    ret->count = 0;
    for (size_t i = 0; i < db_rows(result) && i < PARTITIONS_MAX; i++) {
        Head *h = &ret->list[ret->count++];
        Str hash = db_get_text(result, i, 3);
        *h = (Head){.partition = (int32_t)db_get_int(result, i, 0),
                    .seq = db_get_int(result, i, 1),
                    .topic_offset = db_get_int(result, i, 2)};
        if (hash.len == AUDIT_HASH_BYTES)
            memcpy(h->hash, hash.ptr, AUDIT_HASH_BYTES);
    }
    db_result_free(result);
    return true;
}

static void print_head(const Tool *tool, const Head *h)
{
    char hex[HEX_BYTES + 1];
    hash_text(h->hash, hex);
    printf(tool->json ? "{\"partition\":%d,\"sequence\":%lld,\"offset\":%lld,\"hash\":\"%s\"}\n"
                      : "head %d %lld %lld %s\n",
           h->partition, (long long)h->seq, (long long)h->topic_offset, hex);
}

int heads(Tool *tool)
{
    Heads *now = calloc(1, sizeof *now);
    Err err = {0};
    bool fine = now && read_heads(tool, &chain_heads, now, &err);
    for (size_t i = 0; fine && i < now->count; i++)
        print_head(tool, &now->list[i]);
    free(now);
    return fine ? 0 : complain(&err);
}

/* --- one chain -------------------------------------------------------------------------------- */

static void report_break(Walk *walk, int64_t seq, const char *what)
{
    if (!walk->broken)
        printf("BROKEN   partition %d sequence %lld: %s\n", walk->at.partition, (long long)seq,
               what);
    walk->broken = true;
}

static bool same(const DbResult *result, size_t row, int column, Str wanted)
{
    return str_eq(db_get_text(result, row, column), wanted);
}

/* What is searched must say what the record says. */
static bool columns_agree(Walk *walk, const DbResult *result, size_t row)
{
    AuditColumns c;
    AuditRecord record;
    int64_t at_us = db_get_time_us(result, row, 4);
    audit_columns(db_get_text(result, row, 3), at_us, walk->tool->arena, &c, &record);
    return c.at_us == at_us && same(result, row, 5, str_from(c.kind)) &&
           same(result, row, 6, c.action) && same(result, row, 7, c.operation) &&
           same(result, row, 8, c.resource) && same(result, row, 9, c.tenant) &&
           same(result, row, 10, c.caller) && same(result, row, 11, c.address) &&
           db_get_int(result, row, 12) == c.status && db_get_int(result, row, 13) == c.outcome &&
           same(result, row, 14, c.subject);
}

/* Heads of one night after the other: those before an anchor are of records that are gone. */
static void check_wanted(Walk *walk)
{
    for (; walk->next < walk->wanted.count; walk->next++) {
        const Head *h = &walk->wanted.list[walk->next];
        if (h->seq > walk->at.seq)
            return;
        if (h->seq < walk->at.seq)
            continue;
        if (memcmp(h->hash, walk->at.hash, AUDIT_HASH_BYTES) == 0)
            walk->proven++;
        else
            report_break(walk, h->seq,
                         "not the hash that was kept outside: the chain was rewritten");
    }
}

static void check_row(Walk *walk, const DbResult *result, size_t row)
{
    int64_t seq = db_get_int(result, row, 0), offset = db_get_int(result, row, 1);
    Str hash = db_get_text(result, row, 2);
    AuditPlace place = {walk->at.partition, seq, offset};
    unsigned char expected[AUDIT_HASH_BYTES];
    memcpy(expected, walk->at.hash, sizeof expected);
    if (seq != walk->at.seq + 1) {
        char text[100];
        snprintf(text, sizeof text, "missing, the next one that is there is %lld", (long long)seq);
        report_break(walk, walk->at.seq + 1, text);
    }
    audit_chain(expected, &place, db_get_text(result, row, 3));
    if (hash.len != AUDIT_HASH_BYTES || memcmp(hash.ptr, expected, sizeof expected) != 0)
        report_break(
            walk, seq,
            "the hash does not follow: this record, its place, or one before it was changed");
    else if (!columns_agree(walk, result, row))
        report_break(walk, seq, "the columns say something else than the record");
    if (offset <= walk->at.topic_offset || walk->at.seq == 0) {
        walk->begun_seq = walk->at.seq;
        walk->dropped_offset = -1; /* offsets of another topic */
        if (offset > 0 || walk->at.seq > 0)
            printf("note     partition %d: at sequence %lld the topic begins%s, at offset %lld\n",
                   walk->at.partition, (long long)seq, walk->at.seq ? " anew" : "",
                   (long long)offset);
    } else if (offset != walk->at.topic_offset + 1) {
        walk->gaps++;
        printf("gap      partition %d: nothing was kept of offsets %lld to %lld, before sequence "
               "%lld\n",
               walk->at.partition, (long long)walk->at.topic_offset + 1, (long long)offset - 1,
               (long long)seq);
    }
    walk->records++;
    walk->at.seq = seq;
    walk->at.topic_offset = offset;
    if (hash.len == AUDIT_HASH_BYTES)
        memcpy(walk->at.hash, hash.ptr, AUDIT_HASH_BYTES);
    check_wanted(walk);
}

static bool walk_chain(Walk *walk, Err *err)
{
    for (;;) {
        DbParams params;
        DbResult *result = NULL;
        arena_reset(walk->tool->arena);
        db_params_init(&params, walk->tool->arena);
        db_int(&params, walk->at.partition);
        db_bigint(&params, walk->at.seq);
        db_bigint(&params, PAGE);
        TRY(db_run(walk->tool->db, &chain_rows, &params, &result, err));
        size_t rows = db_rows(result);
        for (size_t i = 0; i < rows; i++)
            check_row(walk, result, i);
        db_result_free(result);
        if (rows < PAGE)
            return true;
    }
}

/* A chain that goes on while it is read is no break: the head was read before. */
static void check_end(Walk *walk, const Head *head)
{
    if (walk->at.seq < head->seq)
        report_break(walk, walk->at.seq + 1, "the chain ends here, its head says that it goes on");
    if (walk->next < walk->wanted.count)
        report_break(walk, walk->at.seq + 1,
                     "the chain ends before the head that was kept outside");
    else if (walk->wanted.count > 0 && walk->proven == 0)
        report_break(walk, walk->at.seq,
                     "no head that was kept outside is of the records that are left: who made the "
                     "anchor before them cannot be told");
}

static bool compare_topic(Walk *walk, Err *err)
{
    TopicFinding found;
    TRY(topic_compare(walk->tool, &walk->at, walk->begun_seq, walk->dropped_offset, &found, err));
    if (found.dropped)
        printf("note     partition %d: %lld records of the topic are of months that were dropped\n",
               walk->at.partition, (long long)found.dropped);
    if (found.missing)
        printf("LOST     partition %d: %lld records of the topic were not kept, the first at "
               "offset %lld\n",
               walk->at.partition, (long long)found.missing, (long long)found.first_missing);
    if (found.different)
        printf("BROKEN   partition %d: %lld records are not as the topic holds them, the first at "
               "offset %lld\n",
               walk->at.partition, (long long)found.different, (long long)found.first_different);
    walk->broken = walk->broken || found.missing || found.different;
    return true;
}

static bool verify_one(Tool *tool, const Head *head, const Heads *anchors, const KeptHeads *wanted,
                       bool *ret_whole, Err *err)
{
    Walk walk = {.tool = tool, .wanted = kept_of(wanted, head->partition)};
    walk.at = (Head){.partition = head->partition, .topic_offset = -1};
    for (size_t i = 0; i < anchors->count; i++)
        if (anchors->list[i].partition == head->partition)
            walk.at = anchors->list[i];
    int64_t from = walk.at.seq;
    walk.dropped_offset = walk.at.topic_offset;
    check_wanted(&walk);
    TRY(walk_chain(&walk, err));
    check_end(&walk, head);
    if (tool->topic)
        TRY(compare_topic(&walk, err));
    printf("%-8s partition %d: %llu records, sequence %lld to %lld%s, %llu gaps\n",
           walk.broken ? "broken" : "whole", head->partition, (unsigned long long)walk.records,
           (long long)from + 1, (long long)walk.at.seq, from ? " (before it: dropped)" : "",
           (unsigned long long)walk.gaps);
    if (tool->against && walk.wanted.count == 0)
        printf("note     partition %d: no head of it was kept outside\n", head->partition);
    if (!walk.broken)
        print_head(tool, &walk.at);
    *ret_whole = !walk.broken && !walk.gaps;
    return true;
}

/* Chains that were kept outside and are not there at all. */
static bool all_there(const KeptHeads *wanted, const Heads *now)
{
    bool whole = true;
    for (size_t i = 0; i < wanted->count; i++) {
        int32_t partition = wanted->list[i].partition;
        bool last = i + 1 == wanted->count || wanted->list[i + 1].partition != partition;
        size_t n = 0;
        while (n < now->count && now->list[n].partition != partition)
            n++;
        if (last && n == now->count && wanted->list[i].seq > 0) {
            printf("BROKEN   partition %d sequence 1: the whole chain is gone\n", partition);
            whole = false;
        }
    }
    return whole;
}

int verify(Tool *tool)
{
    Heads *now = calloc(2, sizeof *now), *anchors = now + 1;
    KeptHeads wanted = {0};
    Err err = {0};
    bool whole = true;
    bool fine = now && (!tool->against || kept_read(tool->against, &wanted, &err)) &&
                read_heads(tool, &chain_heads, now, &err) &&
                read_heads(tool, &chain_anchors, anchors, &err);
    for (size_t i = 0; fine && i < now->count; i++) {
        bool one = false;
        fine = verify_one(tool, &now->list[i], anchors, &wanted, &one, &err);
        whole = whole && one;
    }
    whole = fine && all_there(&wanted, now) && whole;
    kept_free(&wanted);
    free(now);
    if (!fine)
        return complain(&err);
    puts(whole ? "the trail is whole" : "the trail is NOT whole");
    return whole ? 0 : 1;
}
