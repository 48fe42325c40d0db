#include "services/validator/engine/validate/report.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "services/validator/engine/validate/text.h"
#include "services/validator/engine/validate/walk.h"

enum { SENTENCE_ROOM = 256, ARGUMENT_BYTES_MAX = 300 };

void findings_add(Walk *walk, Findings *list, const Finding *finding)
{
    if (list->counting) {
        list->count++;
        list->errors += finding->severity >= SEVERITY_ERROR;
        return;
    }
    if (list->count == list->room) {
        uint32_t room = list->room ? list->room * 2 : 8;
        const Finding **grown =
            arena_grow(walk->arena, list->items, list->room * sizeof *grown, room * sizeof *grown);
        if (!grown)
            return;
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = finding;
    list->errors += finding->severity >= SEVERITY_ERROR;
}

Finding *report_with(Walk *walk, IssueSeverity severity, Message message, ElemId elem, Str arg0,
                     Str arg1, Str arg2, Str arg3)
{
    Finding *finding = arena_alloc(walk->arena, sizeof *finding);
    if (!finding)
        return NULL;
    *finding = (Finding){
        .severity = (uint8_t)severity,
        .message = (uint16_t)message,
        .elem = elem,
        .sequence = walk->sequence++,
        .at = elem ? elem_offset(elem_at(&walk->elems, elem)) : FINDING_NO_LINE,
        .args = {arg0, arg1, arg2, arg3}
    };
    findings_add(walk, walk->out, finding);
    return finding;
}

Finding *report(Walk *walk, IssueSeverity severity, Message message, ElemId elem)
{
    return report_with(walk, severity, message, elem, STR_NONE, STR_NONE, STR_NONE, STR_NONE);
}

void findings_merge(Walk *walk, Findings *into, const Findings *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        findings_add(walk, into, from->items[i]);
}

static Str sentence(const Walk *walk, const Finding *finding)
{
    const char *c = message_text((Message)finding->message)->text;
    Text text;
    text_init(&text, walk->arena, SENTENCE_ROOM);
    for (; *c; c++) {
        if (c[0] == '{' && c[1] >= '0' && c[1] < '0' + FINDING_ARGS && c[2] == '}') {
            text_add_clipped(&text, finding->args[c[1] - '0'], ARGUMENT_BYTES_MAX);
            c += 2;
        } else {
            text_add_char(&text, *c);
        }
    }
    return text_str(&text);
}

/* --- positions: findings come sorted by place, so the source is read once ----------------------
 */

typedef struct Cursor {
    Str source;
    uint32_t at;
    JsonPosition position;
} Cursor;

/* Characters that begin in a run of UTF-8: all bytes but continuation bytes. */
static uint32_t count_characters(const char *from, size_t len)
{
    uint32_t count = 0;
    size_t i = 0;
#ifdef __SSE2__
    const __m128i last_continuation = _mm_set1_epi8((char)0xBF);
    const __m128i zero = _mm_setzero_si128();
    __m128i sums = zero;
    for (; i + 16 <= len; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        __m128i starts = _mm_cmpgt_epi8(bytes, last_continuation); /* -1 each */
        sums = _mm_add_epi64(sums, _mm_sad_epu8(_mm_sub_epi8(zero, starts), zero));
    }
    count +=
        (uint32_t)_mm_cvtsi128_si32(sums) + (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(sums, 8));
#endif
    for (; i < len; i++)
        count += ((unsigned char)from[i] & 0xC0) != 0x80;
    return count;
}

/* The end of the line that begins at `from`: behind LF, CR LF or CR; or NULL if `to` comes first.
 */
static const char *line_end(const char *from, const char *to)
{
    const char *lf = memchr(from, '\n', (size_t)(to - from));
    const char *cr = memchr(from, '\r', (size_t)((lf ? lf : to) - from));
    if (cr && !(cr + 1 == lf))
        return cr + 1;
    return lf ? lf + 1 : NULL;
}

static JsonPosition advance(Cursor *cursor, uint32_t to)
{
    const char *from = cursor->source.ptr + cursor->at;
    const char *end = cursor->source.ptr + to;
    const char *next;
    while ((next = line_end(from, end)) != NULL) {
        cursor->position.line++;
        cursor->position.column = 1;
        from = next;
    }
    cursor->position.column += count_characters(from, (size_t)(end - from));
    cursor->at = to;
    return cursor->position;
}

/* An unknown profile does not make a resource fail as the target of a reference; that it is an
 * error after all is settled when the findings are shown (HAPI does so). */
static IssueSeverity severity_of(const Walk *walk, const Finding *finding)
{
    bool raised =
        finding->message == MSG_PROFILE_UNKNOWN && !(walk->rules & RULE_UNKNOWN_PROFILE_WARNS);
    return raised ? SEVERITY_ERROR : (IssueSeverity)finding->severity;
}

static bool put_into_words(const Walk *walk, Cursor *cursor, const Finding *finding, Issue *issue)
{
    const MessageText *message = message_text((Message)finding->message);
    *issue = (Issue){.severity = severity_of(walk, finding),
                     .code = str_from(finding->code ? finding->code : message->code),
                     .message_id = finding->id.len ? finding->id : str_from(message->id),
                     .location = path_location(walk, finding),
                     .expression = path_expression(walk, finding),
                     .text = sentence(walk, finding)};
    if (finding->at != FINDING_NO_LINE) {
        JsonPosition at = advance(cursor, finding->at);
        issue->line = at.line;
        issue->column = at.column;
    }
    return issue->text.ptr && issue->location.ptr && issue->expression.ptr;
}

static uint32_t place_of(const Finding *finding)
{
    return finding->at == FINDING_NO_LINE ? 0 : finding->at;
}

/* In the order of the document; what may be the same finding stands side by side. */
static int by_place(const void *a, const void *b)
{
    const Finding *x = *(const Finding *const *)a;
    const Finding *y = *(const Finding *const *)b;
    if (place_of(x) != place_of(y))
        return place_of(x) < place_of(y) ? -1 : 1;
    if (x->elem != y->elem)
        return x->elem < y->elem ? -1 : 1;
    if (x->message != y->message)
        return x->message < y->message ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_texts(Str a, Str b)
{
    if (a.len != b.len || a.ptr == b.ptr || a.len == 0)
        return compare(a.len, b.len);
    return memcmp(a.ptr, b.ptr, a.len);
}

/* Of two findings of one element and message; 0: they say the same. */
static int compare_words(const Finding *a, const Finding *b)
{
    int order = compare(a->path, b->path);
    order = order ? order : compare(a->suffix_name, b->suffix_name);
    order = order ? order : compare_texts(a->suffix, b->suffix);
    order = order ? order : compare_texts(a->id, b->id);
    for (size_t i = 0; order == 0 && i < FINDING_ARGS; i++)
        order = compare_texts(a->args[i], b->args[i]);
    return order;
}

/* Places in a run, by what its findings say; the first one of those that say the same leads. */
static int by_words(const void *a, const void *b, void *context)
{
    const Finding *const *run = context;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = compare_words(run[x], run[y]);
    return order ? order : compare(x, y);
}

/* Findings of one element and message, each once: the most severe stands where the first one did.
 * Sorted, because a sender decides how many there are. */
static uint32_t settle_run(const Finding **run, uint32_t count, uint32_t *places)
{
    for (uint32_t i = 0; i < count; i++)
        places[i] = i;
    qsort_r(places, count, sizeof *places, by_words, run);
    const Finding **first = &run[places[0]];
    for (uint32_t i = 1; i < count; i++) {
        const Finding **one = &run[places[i]];
        if (compare_words(*first, *one) != 0) {
            first = one;
            continue;
        }
        if ((*one)->severity > (*first)->severity)
            *first = *one;
        *one = NULL;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (run[i])
            run[kept++] = run[i];
    return kept;
}

/* Sorted, each finding once, those withdrawn left out. `places` has room for as many. */
static uint32_t settle(const Findings *findings, const Finding **sorted, uint32_t *places)
{
    uint32_t count = 0, kept = 0, end;
    for (uint32_t i = 0; i < findings->count; i++)
        if (!findings->items[i]->withdrawn)
            sorted[count++] = findings->items[i];
    qsort(sorted, count, sizeof *sorted, by_place);
    for (uint32_t i = 0; i < count; i = end) {
        for (end = i + 1; end < count && sorted[end]->elem == sorted[i]->elem &&
                          sorted[end]->message == sorted[i]->message;)
            end++;
        uint32_t once = settle_run(sorted + i, end - i, places);
        memmove(sorted + kept, sorted + i, once * sizeof *sorted);
        kept += once;
    }
    return kept;
}

/* How many of each class there are, then how many of them are told: what is worse comes first. */
typedef struct Classes {
    uint32_t errors, warnings, information;
} Classes;

static uint32_t *class_of(Classes *classes, IssueSeverity severity)
{
    return severity >= SEVERITY_ERROR     ? &classes->errors
           : severity == SEVERITY_WARNING ? &classes->warnings
                                          : &classes->information;
}

static uint32_t at_most(uint32_t wanted, uint32_t *room)
{
    uint32_t taken = wanted < *room ? wanted : *room;
    *room -= taken;
    return taken;
}

static Classes share(Classes all, uint32_t limit)
{
    Classes told;
    told.errors = at_most(all.errors, &limit);
    told.warnings = at_most(all.warnings, &limit);
    told.information = at_most(all.information, &limit);
    return told;
}

bool report_finish(Walk *walk, const Findings *findings, uint32_t limit, Verdict *verdict)
{
    const Finding **sorted = arena_alloc(walk->arena, (findings->count + 1) * sizeof *sorted);
    uint32_t *places = arena_alloc(walk->arena, (findings->count + 1) * sizeof *places);
    if (!sorted || !places)
        return false;
    uint32_t count = settle(findings, sorted, places);
    uint32_t shown = count < limit ? count : limit;
    Issue *issues = arena_alloc(walk->arena, (shown + 1) * sizeof *issues);
    if (!issues)
        return false;
    Cursor cursor = {
        walk->source, 0, {1, 1}
    };
    Classes all = {0};
    for (uint32_t i = 0; i < count; i++)
        ++*class_of(&all, severity_of(walk, sorted[i]));
    Classes told = share(all, limit);
    uint32_t at = 0;
    for (uint32_t i = 0; i < count && at < shown; i++) {
        uint32_t *left = class_of(&told, severity_of(walk, sorted[i]));
        if (*left == 0)
            continue;
        --*left;
        if (!put_into_words(walk, &cursor, sorted[i], &issues[at]))
            return false;
        issues[at].next = at + 1 < shown ? &issues[at + 1] : NULL;
        at++;
    }
    verdict->errors = all.errors;
    verdict->warnings = all.warnings;
    verdict->information = all.information;
    verdict->issues = shown ? issues : NULL;
    verdict->issue_count = shown;
    verdict->issues_left_out = count - shown;
    verdict->valid = verdict->errors == 0;
    return true;
}
