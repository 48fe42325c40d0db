/* The algorithm is E. W. Myers', "An O(ND) Difference Algorithm and Its Variations" (1986): the
 * furthest point that d edits reach on each diagonal, for d = 0, 1, ...; then back along them. */
#include "tools/fhirbus-rules/diff.h"

#include <stdio.h>

#include "common/json/json.h"
#include "common/json/write.h"

enum { DEPTH_MAX = 10001, AROUND = 2, INDENT = 2 };
#define LAID_OUT_BYTES_MAX ((size_t)512 << 20)

/* --- one value a line --------------------------------------------------------------------------
 */
static void new_line(Buf *out, int depth)
{
    buf_add_char(out, '\n');
    for (int i = 0; i < depth * INDENT; i++)
        buf_add_char(out, ' ');
}

static void lay_out(Buf *out, const JsonDoc *doc, const JsonNode *node, int depth)
{
    bool object = node->kind == JSON_KIND_OBJECT;
    if ((!object && node->kind != JSON_KIND_ARRAY) || !node->count) {
        buf_add(out, str_cut(doc->source, node->at, node->end));
        return;
    }
    buf_add_char(out, object ? '{' : '[');
    JSON_EACH(doc, child, node)
    {
        new_line(out, depth + 1);
        if (object) {
            json_write_string(out, json_key(child));
            buf_add(out, STR(": "));
        }
        lay_out(out, doc, child, depth + 1);
        if (child->next)
            buf_add_char(out, ',');
    }
    new_line(out, depth);
    buf_add_char(out, object ? '}' : ']');
}

typedef struct Lines {
    Str *list;
    size_t count;
} Lines;

static bool no_room(Err *err)
{
    return ERR(err, ERR_INPUT, "memory-limit", "no room to compare");
}

static bool lines_of(Str json, Arena *arena, Lines *ret_lines, Err *err)
{
    const JsonLimits limits = {.depth = DEPTH_MAX};
    JsonDoc doc;
    BUF_AUTO out;
    buf_init(&out, LAID_OUT_BYTES_MAX);
    TRY(json_read(json, NULL, &limits, arena, &doc, NULL, err));
    lay_out(&out, &doc, json_root(&doc), 0);
    Str text = out.overflowed ? STR_NONE : arena_copy(arena, buf_str(&out)), line;
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    ret_lines->list = ARENA_ARRAY(arena, Str, count);
    ret_lines->count = 0;
    if (!text.ptr || !ret_lines->list)
        return no_room(err);
    while (text.ptr && str_split(&text, '\n', &line))
        ret_lines->list[ret_lines->count++] = line;
    return true;
}

/* --- Myers ------------------------------------------------------------------------------------
 */
typedef struct Diff {
    Lines a, b;
    bool *gone, *new; /* [line] of a, of b */
} Diff;

typedef struct Middle {
    size_t first; /* equal in front */
    int64_t n, m; /* lines of a and b between what is equal in front and behind */
} Middle;

static bool same(const Diff *diff, const Middle *middle, int64_t x, int64_t y)
{
    return str_eq(diff->a.list[middle->first + (size_t)x], diff->b.list[middle->first + (size_t)y]);
}

/* Is the way to diagonal k down (an inserted line)? `v` is of the step before. */
static bool goes_down(const int32_t *v, int64_t k, int64_t d)
{
    return k == -d || (k != d && v[k - 1] < v[k + 1]);
}

static void walk_back(Diff *diff, const Middle *middle, int32_t *const *steps, int64_t d)
{
    int64_t x = middle->n, y = middle->m;
    for (; d > 0; d--) {
        const int32_t *v = steps[d - 1];
        int64_t k = x - y;
        bool down = goes_down(v, k, d);
        int64_t x_before = v[down ? k + 1 : k - 1];
        int64_t y_before = x_before - (down ? k + 1 : k - 1);
        if (down)
            diff->new[middle->first + (size_t)y_before] = true;
        else
            diff->gone[middle->first + (size_t)x_before] = true;
        x = x_before;
        y = y_before;
    }
}

/* False: too different (or no memory), all of the middle is replaced. */
static bool compare(Diff *diff, const Middle *middle, Arena *arena)
{
    int32_t **steps = ARENA_ARRAY(arena, int32_t *, DIFF_EDITS_MAX + 2), *v = NULL;
    if (!steps)
        return false;
    for (int64_t d = 0; d <= DIFF_EDITS_MAX; d++) {
        const int32_t *before = v;
        v = ARENA_ARRAY(arena, int32_t, 2 * d + 5);
        if (!v)
            return false;
        v += d + 2; /* diagonals -d-2 .. d+2 */
        for (int64_t k = -d; k <= d; k += 2) {
            int64_t x = d == 0 ? 0 : goes_down(before, k, d) ? before[k + 1] : before[k - 1] + 1;
            while (x < middle->n && x - k < middle->m && same(diff, middle, x, x - k))
                x++;
            v[k] = (int32_t)x;
            if (x >= middle->n && x - k >= middle->m) {
                walk_back(diff, middle, steps, d);
                return true;
            }
        }
        steps[d] = v;
    }
    return false;
}

static Middle find_middle(const Diff *diff)
{
    size_t first = 0, last = 0, n = diff->a.count, m = diff->b.count;
    while (first < n && first < m && str_eq(diff->a.list[first], diff->b.list[first]))
        first++;
    while (last < n - first && last < m - first &&
           str_eq(diff->a.list[n - 1 - last], diff->b.list[m - 1 - last]))
        last++;
    return (Middle){first, (int64_t)(n - first - last), (int64_t)(m - first - last)};
}

/* --- printing ---------------------------------------------------------------------------------
 */
/* Does line `at` of a stand near a change? `to` is its fellow in b. */
static bool is_near(const Diff *diff, size_t at, size_t to)
{
    size_t from = at > AROUND ? at - AROUND : 0, from_b = to > AROUND ? to - AROUND : 0;
    for (size_t i = from; i <= at + AROUND && i < diff->a.count; i++)
        if (diff->gone[i])
            return true;
    for (size_t i = from_b; i <= to + AROUND && i < diff->b.count; i++)
        if (diff->new[i])
            return true;
    return false;
}

static void print_all(const Diff *diff)
{
    bool skipped = false;
    size_t x = 0, y = 0;
    while (x < diff->a.count || y < diff->b.count) {
        if (x < diff->a.count && diff->gone[x]) {
            printf("  - %.*s\n", STR_ARG(diff->a.list[x]));
            x++;
        } else if (y < diff->b.count && diff->new[y]) {
            printf("  + %.*s\n", STR_ARG(diff->b.list[y]));
            y++;
        } else {
            bool near = is_near(diff, x, y);
            if (near)
                printf("    %.*s\n", STR_ARG(diff->a.list[x]));
            else if (!skipped)
                puts("    ...");
            skipped = !near;
            x++;
            y++;
        }
    }
}

bool diff_print(Str before, Str after, Arena *arena, Err *err)
{
    Diff diff = {0};
    TRY(lines_of(before, arena, &diff.a, err));
    TRY(lines_of(after, arena, &diff.b, err));
    diff.gone = ARENA_ARRAY(arena, bool, diff.a.count + 1);
    diff.new = ARENA_ARRAY(arena, bool, diff.b.count + 1);
    if (!diff.gone || !diff.new)
        return no_room(err);
    Middle middle = find_middle(&diff);
    if (!compare(&diff, &middle, arena)) {
        for (int64_t i = 0; i < middle.n; i++)
            diff.gone[middle.first + (size_t)i] = true;
        for (int64_t i = 0; i < middle.m; i++)
            diff.new[middle.first + (size_t)i] = true;
    }
    print_all(&diff);
    return true;
}
