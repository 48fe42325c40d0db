/* audit - what the files of this tool share.
 *
 * main.c    words -> one of the verbs
 * chain.c   verify, head: the chains, and what is left of dropped months
 * kept.c    heads that were kept outside
 * topic.c   what the topic still holds beside what was kept
 * list.c    list: records by filters, as lines or as FHIR AuditEvents */
#pragma once
#include "common/audit/search.h"
#include "common/bus/bus.h"

enum { PARTITIONS_MAX = 4096 };

typedef struct ToolConfig {
    BusConfig bus;
    DbConfig db;
    const char *ordering_key_secret;
} ToolConfig;

/* Where a chain is: of the database, or kept outside. */
typedef struct Head {
    int32_t partition;
    int64_t seq, topic_offset;
    unsigned char hash[AUDIT_HASH_BYTES];
} Head;

typedef struct Tool {
    ToolConfig config;
    Db *db;
    Arena *arena; /* of one page */
    Log *log;
    bool json, fhir, topic;
    const char *against; /* a file of heads */
    AuditSearch search;
    uint64_t limit; /* 0: all */
} Tool;

extern const DbStatement chain_heads, chain_anchors, chain_rows;
int verify(Tool *tool);
int heads(Tool *tool);
int list(Tool *tool);

/* Of one chain, from behind `begun_seq` up to its end: compares what the topic still holds with
 * what was kept, record by record. What it holds up to `dropped_offset` and is not there any more
 * went with a month that retention dropped. False: it could not be read. */
typedef struct TopicFinding {
    int64_t compared, missing, dropped, different, first_missing, first_different; /* offsets */
} TopicFinding;
bool topic_compare(Tool *tool, const Head *end, int64_t begun_seq, int64_t dropped_offset,
                   TopicFinding *ret_finding, Err *err) MUST_USE;

/* Heads kept outside, by partition and sequence; any number. kept_of: those of one partition, views
 * of the list. False: the file cannot be read, or holds no heads. */
typedef struct KeptHeads {
    Head *list;
    size_t count, room;
} KeptHeads;
bool kept_read(const char *path, KeptHeads *ret, Err *err) MUST_USE;
KeptHeads kept_of(const KeptHeads *kept, int32_t partition);
void kept_free(KeptHeads *kept);

int complain(const Err *err);
