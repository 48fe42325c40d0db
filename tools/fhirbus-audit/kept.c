/* Heads that were kept outside: a night each, appended to one file for years. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "tools/fhirbus-audit/audit.h"

enum { HEX_BYTES = 2 * AUDIT_HASH_BYTES, FIRST_ROOM = 64 };

static bool read_hash(const char *hex, unsigned char ret_hash[AUDIT_HASH_BYTES])
{
    for (size_t i = 0; i < AUDIT_HASH_BYTES; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return false;
        ret_hash[i] = (unsigned char)byte;
    }
    return strlen(hex) == HEX_BYTES;
}

/* False: a line of something else (of verify, of a Job's log). */
static bool is_head(const char *line, Head *ret, char ret_hex[HEX_BYTES + 2])
{
    long long seq, offset;
    if (sscanf(line, "head %d %lld %lld %65s", &ret->partition, &seq, &offset, ret_hex) != 4 &&
        sscanf(line, "{\"partition\":%d,\"sequence\":%lld,\"offset\":%lld,\"hash\":\"%65[0-9a-f]",
               &ret->partition, &seq, &offset, ret_hex) != 4)
        return false;
    ret->seq = seq;
    ret->topic_offset = offset;
    return true;
}

static Head *one_more(KeptHeads *kept)
{
    if (kept->count == kept->room) {
        kept->room = kept->room ? 2 * kept->room : FIRST_ROOM;
        kept->list = reallocarray(kept->list, kept->room, sizeof *kept->list);
        CHECK(kept->list);
    }
    return &kept->list[kept->count++];
}

static int by_place(const void *a, const void *b)
{
    const Head *x = a, *y = b;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

bool kept_read(const char *path, KeptHeads *ret, Err *err)
{
    char line[1000], hex[HEX_BYTES + 2];
    Head head = {0};
    FILE *file = fopen(path, "re");
    if (!file)
        return ERR(err, ERR_INPUT, "file", "%s cannot be read", path);
    bool fine = true;
    while (fine && fgets(line, sizeof line, file))
        if (is_head(line, &head, hex)) {
            fine = read_hash(hex, head.hash);
            *one_more(ret) = head;
        }
    fine = fine && !ferror(file);
    fclose(file);
    if (!fine || ret->count == 0)
        return ERR(err, ERR_INPUT, "file", fine ? "%s holds no heads" : "%s holds a broken head",
                   path);
    qsort(ret->list, ret->count, sizeof *ret->list, by_place);
    return true;
}

KeptHeads kept_of(const KeptHeads *kept, int32_t partition)
{
    size_t from = 0, to;
    while (from < kept->count && kept->list[from].partition < partition)
        from++;
    for (to = from; to < kept->count && kept->list[to].partition == partition;)
        to++;
    return (KeptHeads){.list = kept->list + from, .count = to - from};
}

void kept_free(KeptHeads *kept)
{
    free(kept->list);
    *kept = (KeptHeads){0};
}
