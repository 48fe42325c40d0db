/* message_log: messages for the store's tests: what a few interactions put on the topics, in a
 * natural order; shuffling and repeating is the test's business. */
#pragma once
#include "common/envelope/envelope.h"
#include "common/envelope/uuid.h"

typedef struct Sent { /* one message */
    const char *topic;
    Str key;
    Str value;
    int64_t at_us;
} Sent;

typedef struct MessageLog {
    Arena *arena;
    Sent *list;
    size_t count, room;
    unsigned seed, ids;
} MessageLog;

void log_of_messages(MessageLog *log, Arena *arena, size_t interactions, unsigned seed);
/* Single messages, for tests of one thing. */
Envelope sample_envelope(Arena *arena, const char *tenant, Str payload, int64_t received_at_us);
Str sample_bundle(Arena *arena, unsigned number, size_t padding_bytes);
void log_add_envelope(MessageLog *log, const char *topic, const Envelope *envelope);
void log_add_validated(MessageLog *log, const Envelope *envelope, DispositionAction action,
                       unsigned issues);
void log_add_choice(MessageLog *log, const Envelope *e, const char *destination);
void log_add_delivery(MessageLog *log, const Envelope *e, const char *destination, uint32_t attempt,
                      bool success, bool final);
