#include "tests/support/lake_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "common/base/check.h"

typedef struct Entry {
    char *text; /* key, then sha256, then agent: one allocation */
    Str key, sha256_hex, agent;
    uint64_t bytes, count;
} Entry;

struct LakeJournal {
    pthread_mutex_t lock;
    int file; /* -1: none */
    Entry *entries;
    size_t used, room;
    size_t *slots; /* hash table of entry index + 1; 0: free */
    size_t slot_count;
    LakeTotals totals;
};

static size_t *slot_of(const LakeJournal *journal, Str key)
{
    size_t at = str_hash(key) & (journal->slot_count - 1);
    while (journal->slots[at] && !str_eq(journal->entries[journal->slots[at] - 1].key, key))
        at = (at + 1) & (journal->slot_count - 1);
    return &journal->slots[at];
}

static void grow(LakeJournal *journal)
{
    journal->room *= 2;
    journal->entries = realloc(journal->entries, journal->room * sizeof *journal->entries);
    CHECK(journal->entries);
    free(journal->slots);
    journal->slot_count = journal->room * 2;
    journal->slots = calloc(journal->slot_count, sizeof *journal->slots);
    CHECK(journal->slots);
    for (size_t i = 0; i < journal->used; i++)
        *slot_of(journal, journal->entries[i].key) = i + 1;
}

static void count(LakeJournal *journal, const LakeDelivery *delivery)
{
    size_t *slot = slot_of(journal, delivery->key);
    journal->totals.deliveries++;
    if (*slot) {
        Entry *known = &journal->entries[*slot - 1];
        journal->totals.repeated_keys += known->count == 1;
        journal->totals.changed += !str_eq(known->sha256_hex, delivery->sha256_hex);
        known->count++;
        return;
    }
    if (journal->used == journal->room) {
        grow(journal);
        slot = slot_of(journal, delivery->key);
    }
    size_t length = delivery->key.len + delivery->sha256_hex.len + delivery->agent.len;
    char *text = malloc(length + 1);
    CHECK(text);
    Entry *entry = &journal->entries[journal->used];
    *entry = (Entry){.text = text, .bytes = delivery->bytes, .count = 1};
    Str *to[] = {&entry->key, &entry->sha256_hex, &entry->agent};
    const Str from[] = {delivery->key, delivery->sha256_hex, delivery->agent};
    for (size_t i = 0; i < 3; i++) {
        if (from[i].len)
            memcpy(text, from[i].ptr, from[i].len);
        *to[i] = (Str){text, from[i].len};
        text += from[i].len;
    }
    *slot = ++journal->used;
    journal->totals.keys++;
}

static bool read_line(LakeJournal *journal, Str line)
{
    LakeDelivery delivery = {0};
    Str bytes;
    if (!str_split(&line, '\t', &delivery.key) || !str_split(&line, '\t', &delivery.sha256_hex) ||
        !str_split(&line, '\t', &delivery.agent) || !str_split(&line, '\t', &bytes) ||
        !str_to_u64(bytes, &delivery.bytes))
        return false;
    count(journal, &delivery);
    return true;
}

static bool read_all(LakeJournal *journal, Err *err)
{
    BUF_AUTO text;
    buf_init(&text, (size_t)1 << 30);
    for (;;) {
        char *to = buf_reserve(&text, 65536);
        ssize_t got = to ? read(journal->file, to, 65536) : -1;
        if (got < 0)
            return ERR(err, ERR_FATAL, "journal-open", "reading: %s", strerror(errno));
        if (got == 0)
            break;
        text.len += (size_t)got;
    }
    Str rest = buf_str(&text), line;
    while (rest.len && str_split(&rest, '\n', &line))
        if (line.len && !read_line(journal, line))
            return ERR(err, ERR_FATAL, "journal-open", "a line that is not ours");
    return true;
}

bool lake_journal_new(const char *path, LakeJournal **ret_journal, Err *err)
{
    LakeJournal *journal = calloc(1, sizeof *journal);
    CHECK(journal);
    pthread_mutex_init(&journal->lock, NULL);
    journal->file = -1;
    journal->room = 512;
    grow(journal);
    if (path) {
        journal->file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        bool readable = journal->file >= 0
                            ? read_all(journal, err)
                            : ERR(err, ERR_FATAL, "journal-open", "%s: %s", path, strerror(errno));
        if (!readable) {
            lake_journal_free(journal);
            return false;
        }
    }
    *ret_journal = journal;
    return true;
}

void lake_journal_free(LakeJournal *journal)
{
    if (!journal)
        return;
    for (size_t i = 0; i < journal->used; i++)
        free(journal->entries[i].text);
    free(journal->entries);
    free(journal->slots);
    if (journal->file >= 0)
        close(journal->file);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

static bool append(const LakeJournal *journal, const LakeDelivery *delivery, Err *err)
{
    BUF_AUTO line;
    buf_init(&line, 4096);
    buf_add_format(&line, "%.*s\t%.*s\t%.*s\t%llu\n", STR_ARG(delivery->key),
                   STR_ARG(delivery->sha256_hex), STR_ARG(delivery->agent),
                   (unsigned long long)delivery->bytes);
    /* O_APPEND and one write: a line is whole or absent. */
    if (line.overflowed || write(journal->file, line.data, line.len) != (ssize_t)line.len)
        return ERR(err, ERR_FATAL, "journal-write", "%s", strerror(errno));
    return true;
}

bool lake_journal_add(LakeJournal *journal, const LakeDelivery *delivery, Err *err)
{
    pthread_mutex_lock(&journal->lock);
    bool written = journal->file < 0 || append(journal, delivery, err);
    if (written)
        count(journal, delivery);
    pthread_mutex_unlock(&journal->lock);
    return written;
}

LakeTotals lake_journal_totals(LakeJournal *journal)
{
    pthread_mutex_lock(&journal->lock);
    LakeTotals totals = journal->totals;
    pthread_mutex_unlock(&journal->lock);
    return totals;
}

/* What comes before the point, or all of it. */
static Str interaction_of(Str key)
{
    return str_cut(key, 0, str_find_char(key, '.'));
}

void lake_journal_print(LakeJournal *journal, bool only_repeated, Buf *out)
{
    pthread_mutex_lock(&journal->lock);
    for (size_t i = 0; i < journal->used; i++) {
        const Entry *entry = &journal->entries[i];
        if (only_repeated && entry->count < 2)
            continue;
        buf_add_format(out,
                       "{\"key\":\"%.*s\",\"interaction\":\"%.*s\",\"count\":%llu,\"sha256\":\"%.*"
                       "s\",\"agent\":\"%.*s\","
                       "\"bytes\":%llu}\n",
                       STR_ARG(entry->key), STR_ARG(interaction_of(entry->key)),
                       (unsigned long long)entry->count, STR_ARG(entry->sha256_hex),
                       STR_ARG(entry->agent), (unsigned long long)entry->bytes);
    }
    pthread_mutex_unlock(&journal->lock);
}
