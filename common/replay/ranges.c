#include "common/replay/inner.h"

typedef struct Wish {
    bool of_all; /* partitions */
    uint64_t partition;
    bool has_from, has_last;
    uint64_t from, last; /* both included */
} Wish;

/* P, A-B, P:A-B, P:A-, P:-B, P:A */
static bool read_wish(Str text, Wish *wish)
{
    size_t colon = str_find_char(text, ':');
    bool has_colon = colon < text.len, has_dash = str_find_char(text, '-') < text.len;
    *wish = (Wish){.of_all = true};
    if (has_colon || !has_dash) {
        wish->of_all = false;
        if (!str_to_u64(str_cut(text, 0, colon), &wish->partition))
            return false;
        if (!has_colon)
            return true;
        text = str_skip(text, colon + 1);
    }
    size_t dash = str_find_char(text, '-');
    Str from = str_cut(text, 0, dash);
    Str last = dash < text.len ? str_skip(text, dash + 1) : from;
    wish->has_from = from.len > 0;
    wish->has_last = last.len > 0;
    if ((wish->has_from && !str_to_u64(from, &wish->from)) ||
        (wish->has_last && !str_to_u64(last, &wish->last)))
        return false;
    return (wish->has_from || wish->has_last) && wish->from < INT64_MAX && wish->last < INT64_MAX &&
           (!wish->has_last || wish->from <= wish->last);
}

/* Of one partition; overlapping wishes become the span of both. */
static void wish_for(const Wish *wish, const BusRange *extent, BusRange *range)
{
    int64_t from = wish->has_from ? (int64_t)wish->from : 0;
    int64_t end = wish->has_last ? (int64_t)wish->last + 1 : extent->end;
    end = end < extent->end ? end : extent->end;
    if (from >= end)
        return;
    if (range->end == 0 || from < range->from)
        range->from = from;
    if (end > range->end)
        range->end = end;
}

bool ranges_choose(Str offsets, const BusRange *extent, size_t extents, BusRange *ret_list,
                   size_t *ret_count, Err *err)
{
    BusRange chosen[REPLAY_RANGES_MAX];
    Str part;
    for (size_t i = 0; i < extents; i++)
        chosen[i] = (BusRange){extent[i].partition, 0, offsets.len ? 0 : extent[i].end};
    while (offsets.len && str_split(&offsets, ',', &part)) {
        Wish wish;
        if (!read_wish(str_trim(part), &wish) || (!wish.of_all && wish.partition >= extents))
            return ERR(err, ERR_INPUT, "replay-offsets",
                       "offsets are PARTITION:FROM-TO, both included, by comma; the topic has "
                       "partitions 0 to %zu",
                       extents - 1);
        for (size_t i = 0; i < extents; i++)
            if (wish.of_all || wish.partition == i)
                wish_for(&wish, &extent[i], &chosen[i]);
    }
    *ret_count = 0;
    for (size_t i = 0; i < extents; i++)
        if (chosen[i].from < chosen[i].end)
            ret_list[(*ret_count)++] = chosen[i];
    return true;
}

Str ranges_write(const BusRange *list, size_t count, Arena *arena)
{
    BUF_AUTO out;
    buf_init(&out, (size_t)64 * REPLAY_RANGES_MAX);
    for (size_t i = 0; i < count; i++)
        if (list[i].from < list[i].end)
            buf_add_format(&out, "%s%d:%lld-%lld", out.len ? "," : "", (int)list[i].partition,
                           (long long)list[i].from, (long long)list[i].end);
    return out.len ? arena_copy(arena, buf_str(&out)) : STR("");
}

static bool read_number(Str *rest, char until, int64_t *ret)
{
    uint64_t value;
    size_t at = until ? str_find_char(*rest, until) : rest->len;
    if ((until && at == rest->len) || !str_to_u64(str_cut(*rest, 0, at), &value) ||
        value > INT64_MAX)
        return false;
    *rest = str_skip(*rest, at + 1);
    *ret = (int64_t)value;
    return true;
}

bool ranges_read(Str text, BusRange *ret_list, size_t *ret_count, Err *err)
{
    Str part;
    *ret_count = 0;
    while (text.len && str_split(&text, ',', &part)) {
        int64_t partition;
        BusRange range;
        if (*ret_count == REPLAY_RANGES_MAX || !read_number(&part, ':', &partition) ||
            !read_number(&part, '-', &range.from) || !read_number(&part, '\0', &range.end))
            return ERR(err, ERR_FATAL, "replay-offsets", "the row's ranges are not readable");
        range.partition = (int32_t)partition;
        ret_list[(*ret_count)++] = range;
    }
    return true;
}

int64_t ranges_size(const BusRange *list, size_t count)
{
    int64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += list[i].end - list[i].from;
    return size;
}
