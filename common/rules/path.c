#include "common/rules/path.h"

/* Bundle.entry[0].resource, then slash-star Patient/p.1 star-slash, .name: the mark may hold dots.
 */
static size_t step_end(Str text, size_t at)
{
    int depth = 0;
    for (; at < text.len; at++) {
        Str rest = str_skip(text, at);
        if (str_starts(rest, STR("/*"))) {
            size_t close = str_find(rest, STR("*/"));
            if (close == SIZE_MAX)
                return text.len;
            at += close + 1;
        } else if (text.ptr[at] == '(') {
            depth++;
        } else if (text.ptr[at] == ')') {
            depth--;
        } else if (text.ptr[at] == '.' && depth <= 0) {
            return at;
        }
    }
    return text.len;
}

/* "name[3]" -> name, 3; anything else in brackets stays part of the name: value[x]. */
static void cut_index(PathStep *step)
{
    size_t open = str_rfind_char(step->name, '[');
    uint64_t index;
    step->index = -1;
    if (open == SIZE_MAX || !str_ends(step->name, STR("]")))
        return;
    if (!str_to_u64(str_cut(step->name, open + 1, step->name.len - 1), &index) || index > INT32_MAX)
        return;
    step->index = (int32_t)index;
    step->name = str_cut(step->name, 0, open);
}

/* "ofType(Quantity)", "resource(Patient)": what stands in parentheses is the type. */
static void cut_type(PathStep *step)
{
    size_t open = str_find_char(step->name, '(');
    if (open >= step->name.len || !str_ends(step->name, STR(")")))
        return;
    step->type = str_cut(step->name, open + 1, step->name.len - 1);
    step->name = str_cut(step->name, 0, open);
}

static PathStep place_step(Str text)
{
    PathStep step = {.name = text};
    size_t mark = str_find(text, STR("/*"));
    if (mark != SIZE_MAX) {
        Str about = str_skip(text, mark + 2);
        step.name = str_cut(text, 0, mark);
        step.type = str_cut(about, 0, str_find_char(about, '/'));
    }
    cut_index(&step);
    cut_type(&step);
    return step;
}

static PathStep *cut(Str text, Arena *arena, PathStep (*make)(Str), size_t *ret_count)
{
    size_t count = 0;
    for (size_t at = 0; at < text.len && count < PATH_STEPS_MAX; at = step_end(text, at) + 1)
        count++;
    PathStep *steps = ARENA_ARRAY(arena, PathStep, count + 1);
    if (!steps)
        return NULL;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t end = step_end(text, at);
        steps[i] = make(str_cut(text, at, end));
        at = end + 1;
    }
    *ret_count = count;
    return steps;
}

bool path_place(Str location, Arena *arena, PathPlace *ret_place)
{
    size_t count = 0;
    const PathStep *steps = cut(location, arena, place_step, &count);
    if (!steps)
        return false;
    *ret_place = (PathPlace){steps, count};
    return true;
}

static PathStep pattern_step(Str text)
{
    PathStep step = {.name = text, .index = -1};
    if (str_is(text, "**"))
        return (PathStep){.deep = true, .index = -1};
    if (str_is(text, "*"))
        return (PathStep){.index = -1};
    cut_index(&step);
    cut_type(&step);
    return step;
}

static bool is_name(Str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || c == ':' || c == '[' || c == ']';
        if (!fine)
            return false;
    }
    return name.len > 0;
}

const PathPattern *path_pattern(Str text, Arena *arena, const char **ret_why)
{
    size_t count = 0;
    PathPattern *pattern = ARENA_NEW(arena, PathPattern);
    const PathStep *steps = cut(text, arena, pattern_step, &count);
    *ret_why = NULL;
    if (!pattern || !steps) {
        *ret_why = "no memory";
        return NULL;
    }
    if (count == 0 || text.ptr[text.len - 1] == '.')
        *ret_why = "a path is names joined by '.'";
    for (size_t i = 0; i < count && !*ret_why; i++) {
        bool wild = steps[i].deep || !steps[i].name.ptr;
        if (!wild && !is_name(steps[i].name))
            *ret_why = "a step is a name, name[2], resource(Patient), '*' or '**'";
    }
    if (*ret_why)
        return NULL;
    *pattern = (PathPattern){steps, count};
    return pattern;
}

static bool step_fits(const PathStep *pattern, const PathStep *step)
{
    return (!pattern->name.len || str_eq(pattern->name, step->name)) &&
           (!pattern->type.len || str_eq(pattern->type, step->type)) &&
           (pattern->index < 0 || pattern->index == step->index);
}

/* As globs are matched: on a mismatch the last '**' takes one step more. */
bool path_fits(const PathPattern *pattern, const PathPlace *place)
{
    size_t p = 0, s = 0, star = SIZE_MAX, resume = 0;
    while (s < place->count) {
        if (p < pattern->count && pattern->steps[p].deep) {
            star = p++;
            resume = s;
        } else if (p < pattern->count && step_fits(&pattern->steps[p], &place->steps[s])) {
            p++;
            s++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            s = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern->count && pattern->steps[p].deep)
        p++;
    return p == pattern->count;
}
