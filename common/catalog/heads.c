#include "common/catalog/heads.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/catalog/object.h"
#include "common/envelope/envelope.h"

typedef struct Head {
    char *id;
    uint64_t version; /* 0: removed, or not to be told */
    bool removed, untold;
    int64_t offset, newest;          /* of what is in force; of any record */
    int64_t first_loser, last_loser; /* not settled; -1: none */
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    char *value; /* with Heads.keeps; NULL: a tombstone */
    size_t value_len;
} Head;

struct Heads {
    bool keeps;
    Head *list; /* by id */
    size_t count, room, unsettled;
};

Heads *heads_new(bool keeps)
{
    Heads *heads = calloc(1, sizeof *heads);
    CHECK(heads);
    heads->keeps = keeps;
    return heads;
}

void heads_free(Heads *heads)
{
    if (!heads)
        return;
    for (size_t i = 0; i < heads->count; i++) {
        free(heads->list[i].id);
        free(heads->list[i].value);
    }
    free(heads->list);
    free(heads);
}

static size_t place_of(const Heads *heads, Str id, bool *ret_there)
{
    size_t low = 0, high = heads->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(str_from(heads->list[middle].id), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = low < heads->count && str_is(id, heads->list[low].id);
    return low;
}

static Head *find(const Heads *heads, Str id)
{
    bool there;
    size_t place = place_of(heads, id, &there);
    return there ? &heads->list[place] : NULL;
}

static void forget_removed(Heads *heads)
{
    size_t kept = 0;
    for (size_t i = 0; i < heads->count; i++) {
        if (heads->list[i].removed && heads->list[i].first_loser < 0) {
            free(heads->list[i].id);
            free(heads->list[i].value);
        } else {
            heads->list[kept++] = heads->list[i];
        }
    }
    heads->count = kept;
}

static Head *add(Heads *heads, Str id)
{
    bool there;
    if (heads->count == HEADS_MAX)
        forget_removed(heads);
    size_t place = place_of(heads, id, &there);
    if (heads->count == heads->room) {
        heads->room = heads->room ? heads->room * 2 : 64;
        heads->list = realloc(heads->list, heads->room * sizeof *heads->list);
        CHECK(heads->list);
    }
    memmove(heads->list + place + 1, heads->list + place,
            (heads->count - place) * sizeof *heads->list);
    heads->count++;
    heads->list[place] = (Head){.id = strndup(id.ptr, id.len), .first_loser = -1};
    CHECK(heads->list[place].id);
    return &heads->list[place];
}

/* "11-13": offsets. */
static bool read_range(Str text, int64_t *ret_from, int64_t *ret_to)
{
    uint64_t from, to;
    size_t dash = str_find_char(text, '-');
    if (dash >= text.len || !str_to_u64(str_cut(text, 0, dash), &from) ||
        !str_to_u64(str_skip(text, dash + 1), &to))
        return false;
    *ret_from = (int64_t)from;
    *ret_to = (int64_t)to;
    return true;
}

/* Nobody can begin to read at a loser any more and not meet this record. */
static void settle(Heads *heads, Head *head, const HeadRecord *record)
{
    int64_t from, to;
    if (head->first_loser < 0 || !read_range(record->settles, &from, &to) || to < head->last_loser)
        return;
    heads->unsettled--;
    head->first_loser = -1;
}

static HeadFate lose(Heads *heads, Head *head, const HeadRecord *record)
{
    if (head->first_loser < 0) {
        heads->unsettled++;
        head->first_loser = record->offset;
    }
    head->last_loser = record->offset;
    return HEAD_LOST;
}

static void keep_value(Head *head, Str value)
{
    free(head->value);
    head->value = value.ptr ? malloc(value.len + 1) : NULL;
    head->value_len = value.len;
    CHECK(head->value || !value.ptr);
    if (value.len)
        memcpy(head->value, value.ptr, value.len);
}

static HeadFate take(Heads *heads, Head *head, const HeadRecord *record, const unsigned char *hash)
{
    CatalogObject *object = NULL;
    Err none = {0};
    head->removed = record->value.ptr == NULL;
    bool told = !head->removed && object_read(record->id, record->value, &object, &none);
    head->version = told ? object->version : 0;
    head->untold = !told && !head->removed;
    head->offset = record->offset;
    memcpy(head->hash, hash, sizeof head->hash);
    object_free(object);
    if (heads->keeps)
        keep_value(head, record->value);
    settle(heads, head, record);
    return HEAD_TAKEN;
}

static bool is_over(const Head *head, const HeadRecord *record)
{
    uint64_t number;
    int64_t from, to;
    if (record->settles.len)
        return read_range(record->settles, &from, &to) && from <= head->offset &&
               head->offset <= to;
    if (!record->over.len || head->untold)
        return true;
    return str_to_u64(record->over, &number) && number == head->version;
}

static bool is_same(const Head *head, const HeadRecord *record, const unsigned char *hash)
{
    return head->removed == !record->value.ptr && memcmp(hash, head->hash, sizeof head->hash) == 0;
}

HeadFate heads_take(Heads *heads, const HeadRecord *record)
{
    unsigned char hash[ENVELOPE_SHA256_BYTES] = {0};
    Head *head = find(heads, record->id);
    bool first = head == NULL;
    if (record->value.ptr)
        envelope_sha256(record->value, hash);
    if (first)
        head = add(heads, record->id);
    head->newest = record->offset;
    if (!first && is_same(head, record, hash)) {
        head->offset = record->offset;
        settle(heads, head, record);
        return HEAD_SAME;
    }
    return first || is_over(head, record) ? take(heads, head, record, hash)
                                          : lose(heads, head, record);
}

uint64_t heads_version(const Heads *heads, Str id)
{
    const Head *head = find(heads, id);
    return head ? head->version : 0;
}

bool heads_unsettled(const Heads *heads, HeadSettlement *ret_settlement)
{
    for (size_t i = 0; heads->unsettled && i < heads->count; i++) {
        const Head *head = &heads->list[i];
        if (head->first_loser < 0)
            continue;
        ret_settlement->id = str_from(head->id);
        ret_settlement->value = (Str){head->value, head->value_len};
        snprintf(ret_settlement->settles, sizeof ret_settlement->settles, "%lld-%lld",
                 (long long)head->first_loser, (long long)head->newest);
        return true;
    }
    return false;
}
