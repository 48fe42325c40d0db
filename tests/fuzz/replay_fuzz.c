/* What somebody asks a replay for: NAME=VALUE a line, as the query of POST /$replay and the command
 * line have it, and offsets. What is taken lies within the topic, and can be written and read. */
#include "common/base/check.h"
#include "common/base/when.h"
#include "common/replay/inner.h"
#include "tests/fuzz/target.h"

static void choose_ranges(Str offsets, Arena *arena)
{
    static const BusRange extent[] = {
        {0, 0,   1000         },
        {1, 500, 500          },
        {2, 7,   INT64_MAX / 4}
    };
    enum { EXTENTS = sizeof extent / sizeof extent[0] };
    BusRange list[EXTENTS], again[REPLAY_RANGES_MAX];
    size_t count = 0, read = 0;
    Err err = {0};
    if (!ranges_choose(offsets, extent, EXTENTS, list, &count, &err)) {
        CHECK(err.kind == ERR_INPUT && err.text[0]);
        return;
    }
    CHECK(count <= EXTENTS);
    for (size_t i = 0; i < count; i++)
        CHECK(list[i].from >= 0 && list[i].from < list[i].end &&
              list[i].end <= extent[list[i].partition].end);
    CHECK(ranges_read(ranges_write(list, count, arena), again, &read, &err) && read == count);
    CHECK(ranges_size(list, count) == ranges_size(again, read));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new((size_t)1 << 20);
    static ReplayWords words;
    BusRange list[REPLAY_RANGES_MAX];
    Str rest = {(const char *)data, size}, line;
    size_t count = 0;
    Err err = {0};
    replay_words_init(&words);
    while (rest.len && str_split(&rest, '\n', &line)) {
        size_t at = str_find_char(line, '=');
        if (replay_word(&words, str_cut(line, 0, at), str_skip(line, at + 1)))
            return 0;
    }
    if (replay_words_check(&words))
        return 0;
    const ReplayAsk *ask = &words.ask;
    CHECK(ask->go_to.len && ask->from_us < ask->to_us && ask->id_count <= REPLAY_IDS_MAX);
    CHECK(ask->from_us >= WHEN_MIN_US && !(ask->from_dlq && ask->from_topic.len));
    choose_ranges(ask->offsets, arena);
    if (!ranges_read(ask->offsets, list, &count, &err))
        CHECK(err.kind == ERR_FATAL);
    return 0;
}
