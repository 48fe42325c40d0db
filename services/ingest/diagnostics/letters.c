#include "services/ingest/diagnostics/letters.h"

#include <stdlib.h>

#include "common/base/buf.h"
#include "services/ingest/diagnostics/letter_text.h"

enum { PARTITIONS_MAX = 512, EXTENT_MS = 10000, HEAD_WAIT_MS = 10000, PIECE_LEAST = 10 };

typedef struct Stack {
    int64_t low, next; /* what is there; nothing from `next` on is left to read */
    Letter *list;      /* of the piece that was read, oldest first */
    size_t count;
} Stack;

typedef struct Reading {
    const BusConfig *bus;
    const LettersAsk *ask;
    Arena *arena;
    Stack stacks[PARTITIONS_MAX];
    size_t count;
    int64_t piece; /* records read of a partition at once */
    size_t looked, bytes;
} Reading;

/* --- cursors ---------------------------------------------------------------------------------- */

static bool read_cursor(Reading *reading, Str cursor)
{
    Str part;
    for (size_t i = 0; cursor.ptr && i < reading->count; i++)
        reading->stacks[i].next = reading->stacks[i].low; /* not named: read to its start */
    while (cursor.len && str_split(&cursor, ',', &part)) {
        uint64_t partition, next;
        size_t colon = str_find_char(part, ':');
        if (colon == part.len || !str_to_u64(str_cut(part, 0, colon), &partition) ||
            !str_to_u64(str_skip(part, colon + 1), &next) || partition >= reading->count ||
            next > INT64_MAX)
            return false;
        Stack *stack = &reading->stacks[partition];
        stack->next = (int64_t)next > stack->low ? (int64_t)next : stack->low;
    }
    return true;
}

static Str write_cursor(const Reading *reading)
{
    BUF_AUTO out;
    buf_init(&out, (size_t)40 * PARTITIONS_MAX);
    for (size_t i = 0; i < reading->count; i++) {
        const Stack *stack = &reading->stacks[i];
        int64_t next = stack->count ? stack->list[stack->count - 1].offset + 1 : stack->next;
        if (next > stack->low)
            buf_add_format(&out, "%s%zu:%lld", out.len ? "," : "", i, (long long)next);
    }
    return out.len ? arena_copy(reading->arena, buf_str(&out)) : STR_NONE;
}

/* --- pieces ----------------------------------------------------------------------------------- */

static Letter letter_of(const BusMessage *message, bool masked, Arena *arena)
{
    Letter letter = {.partition = message->partition,
                     .offset = message->offset,
                     .at_us = message->timestamp_us,
                     .bytes = message->value.len};
    const struct {
        const char *name;
        Str *to;
    } headers[] = {
        {"dlq-reason",    &letter.reason        },
        {"dlq-service",   &letter.service       },
        {"dlq-text",      &letter.text          },
        {"dlq-topic",     &letter.topic         },
        {"dlq-partition", &letter.from_partition},
        {"dlq-offset",    &letter.from_offset   },
        {"dlq-deaths",    &letter.deaths        },
        {"dlq-attempts",  &letter.attempts      },
        {"tenant",        &letter.tenant        },
        {"interaction",   &letter.interaction   },
        {"replay",        &letter.replay        },
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        *headers[i].to = arena_copy(arena, bus_message_header(message, headers[i].name));
    if (masked)
        letter.text = letter_text(message, arena);
    return letter;
}

static bool is_due(const Stack *stack)
{

    return stack->count == 0 && stack->next > stack->low;
}

static bool read_span(Reading *reading, BusRanges *ranges, size_t index, Stack *stack, Err *err)
{
    bool ended = false;
    const BusMessage *message;
    const LettersAsk *ask = reading->ask;
    while ((message = bus_ranges_head(ranges, index, HEAD_WAIT_MS, &ended))) {
        reading->looked++;
        reading->bytes += message->value.len;
        if (message->timestamp_us < ask->from_us)
            stack->low = stack->next; /* what lies before it is older still */
        const LetterHead head = {bus_message_header(message, "tenant"),
                                 bus_message_header(message, "dlq-reason"),
                                 bus_message_header(message, "dlq-topic"), message->timestamp_us};
        if (ask->fits(ask->opaque, &head))
            stack->list[stack->count++] = letter_of(message, ask->masked, reading->arena);
        bus_ranges_pass(ranges, index);
    }
    return ended || ERR(err, ERR_RETRY, "bus-timeout", "a partition of dlq is silent");
}

/* A piece more of each partition that has nothing in hand. */
static bool refill(Reading *reading, Err *err)
{
    BusRange spans[PARTITIONS_MAX];
    BusRanges *ranges = NULL;
    size_t count = 0;
    for (size_t i = 0; i < reading->count; i++) {
        Stack *stack = &reading->stacks[i];
        if (!is_due(stack))
            continue;
        int64_t from = stack->next - reading->piece;
        spans[count++] = (BusRange){(int32_t)i, from > stack->low ? from : stack->low, stack->next};
    }
    TRY(bus_ranges_new(reading->bus, "dlq", spans, count, &ranges, err));
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++) {
        Stack *stack = &reading->stacks[spans[i].partition];
        size_t room = (size_t)(spans[i].end - spans[i].from);
        stack->list = ARENA_ARRAY(reading->arena, Letter, room);
        fine = stack->list ? read_span(reading, ranges, i, stack, err)
                           : ERR(err, ERR_INPUT, "memory-limit", "no room for a page of dlq");
        stack->next = stack->low > spans[i].from ? stack->low : spans[i].from;
    }
    bus_ranges_free(ranges);
    return fine;
}

static bool refill_due(Reading *reading, Err *err)
{
    for (;;) {
        bool due = false;
        for (size_t i = 0; i < reading->count; i++)
            due = due || is_due(&reading->stacks[i]);
        if (!due || reading->looked > LETTERS_LOOKED_MAX || reading->bytes > LETTERS_BYTES_MAX)
            return true;
        TRY(refill(reading, err));
    }
}

/* --- a page ----------------------------------------------------------------------------------- */

/* Of a stack that is not empty. */
static const Letter *top(const Stack *stack)
{
    return &stack->list[stack->count - 1];
}

/* The newest of all heads; NULL: there is none, or it cannot be told yet. */
static Stack *newest(Reading *reading)
{
    Stack *best = NULL;
    for (size_t i = 0; i < reading->count; i++) {
        Stack *stack = &reading->stacks[i];
        if (is_due(stack))
            return NULL;
        if (stack->count && (!best || top(stack)->at_us > top(best)->at_us))
            best = stack;
    }
    return best;
}

static bool read_page(Reading *reading, LettersPage *page, Err *err)
{
    while (page->count < reading->ask->limit) {
        TRY(refill_due(reading, err));
        Stack *stack = newest(reading);
        if (!stack)
            return true;
        page->list[page->count++] = top(stack);
        stack->count--;
    }
    return true;
}

static bool begin(Reading *reading, LettersPage *page, Err *err)
{
    BusRange extent[PARTITIONS_MAX];
    TRY(bus_extent(reading->bus, "dlq", EXTENT_MS, extent, PARTITIONS_MAX, &reading->count, err));
    for (size_t i = 0; i < reading->count; i++) {
        reading->stacks[i] = (Stack){.low = extent[i].from, .next = extent[i].end};
        page->total += extent[i].end - extent[i].from;
    }
    reading->piece = (int64_t)(reading->ask->limit / (reading->count ? reading->count : 1));
    reading->piece += PIECE_LEAST;
    return read_cursor(reading, reading->ask->cursor) ||
           ERR(err, ERR_INPUT, "letters-cursor", "cursor is that of a former page");
}

bool letters_read(const BusConfig *bus, const LettersAsk *ask, Arena *arena, LettersPage *ret_page,
                  Err *err)
{
    Reading *reading = arena_zero(arena, sizeof *reading);
    LettersPage page = {0};
    if (!reading)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for a page of dlq");
    reading->bus = bus;
    reading->ask = ask;
    reading->arena = arena;
    TRY(begin(reading, &page, err));
    TRY(read_page(reading, &page, err));
    page.cursor = write_cursor(reading);
    *ret_page = page;
    return true;
}
