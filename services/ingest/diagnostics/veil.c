#include "services/ingest/diagnostics/veil.h"

#include <stdlib.h>
#include <string.h>

#include "common/json/json.h"
#include "common/json/write.h"
#include "services/ingest/diagnostics/mask.h"

enum { HIDDEN_ROOM = 1024, NESTED_MAX = 4, DEPTH_MAX = 64, CUT_LEN_MIN = 200 };

struct Veil {
    Arena *arena;
    Str *hidden; /* sorted by bytes, once ready */
    size_t count, room;
    size_t hidden_bytes;
    uint64_t steps, parts; /* spent */
    bool whole; /* all that is spoken of was learnt; else what is quoted is hidden, too */
    bool shut;  /* something did not fit: nothing is shown */
};

/* --- learning --------------------------------------------------------------------------------- */

Veil *veil_new(Arena *arena)
{
    Veil *veil = arena_zero(arena, sizeof *veil);
    if (veil)
        veil->arena = arena;
    return veil;
}

/* As it was meant; what cannot be read as a string stays as it is written. Without room for it
 * nobody knows what was meant: nothing is shown. */
static Str unescaped(Veil *veil, Str inner)
{
    JsonDoc doc;
    Err err = {0};
    if (str_find_char(inner, '\\') == inner.len)
        return inner;
    Str whole = ARENA_JOIN(veil->arena, STR("\""), inner, STR("\""));
    if (whole.ptr && json_read(whole, NULL, NULL, veil->arena, &doc, NULL, &err))
        return json_text(json_root(&doc));
    veil->shut = veil->shut || arena_exhausted(veil->arena);
    return inner;
}

static void learn_value(void *context, Str value, bool escaped)
{
    Veil *veil = context;
    if (veil->shut || value.len < VEIL_LEN_MIN)
        return;
    if (veil->count == veil->room) {
        size_t room = veil->room ? veil->room * 2 : HIDDEN_ROOM;
        Str *grown = arena_alloc(veil->arena, room * sizeof(Str));
        veil->shut = grown == NULL;
        if (!grown)
            return;
        if (veil->count)
            memcpy(grown, veil->hidden, veil->count * sizeof(Str));
        veil->hidden = grown;
        veil->room = room;
    }
    Str text = str_trim(escaped ? unescaped(veil, value) : value);
    if (text.len >= VEIL_LEN_MIN)
        veil->hidden[veil->count++] = text;
}

void veil_learn(Veil *veil, Str document, bool is_json)
{
    mask_hidden(document, is_json, learn_value, veil);
}

static int by_bytes(const void *a, const void *b)
{
    const Str *x = a, *y = b;
    int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

void veil_ready(Veil *veil, bool whole)
{
    veil->whole = whole;
    size_t kept = 0;
    if (veil->count)
        qsort(veil->hidden, veil->count, sizeof(Str), by_bytes);
    for (size_t i = 0; i < veil->count; i++)
        if (!kept || !str_eq(veil->hidden[kept - 1], veil->hidden[i]))
            veil->hidden[kept++] = veil->hidden[i];
    veil->count = kept;
    veil->hidden_bytes = 0;
    for (size_t i = 0; i < kept; i++)
        veil->hidden_bytes += veil->hidden[i].len;
}

/* --- finding ---------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'' || c == '`';
}

/* The first in [low, high) whose byte at `depth` is `byte` or greater. */
static size_t first_from(const Veil *veil, size_t low, size_t high, size_t depth, unsigned byte)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        Str value = veil->hidden[middle];
        unsigned there = value.len > depth ? (unsigned char)value.ptr[depth] + 1u : 0;
        if (there < byte + 1)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A step of a path, as Patient.name: no value, though there may be one that is called so. */
static bool is_step(Str text, size_t at, size_t end)
{
    bool behind = at > 1 && text.ptr[at - 1] == '.' && is_word(text.ptr[at - 2]);
    bool quoted = at > 0 && is_quote(text.ptr[at - 1]);
    bool before =
        !quoted && end + 1 < text.len && text.ptr[end] == '.' && is_word(text.ptr[end + 1]);
    for (size_t i = at; i < end; i++)
        if (!((text.ptr[i] | 32) >= 'a' && (text.ptr[i] | 32) <= 'z'))
            return false;
    return behind || before;
}

static bool begins_word(Str text, size_t at)
{
    return at == 0 || !is_word(text.ptr[at - 1]) || !is_word(text.ptr[at]);
}

static bool ends_word(Str text, size_t end)
{
    return end == text.len || !is_word(text.ptr[end]) || !is_word(text.ptr[end - 1]);
}

/* "Zebulo...": the engine and the limits of answers cut what is long. */
static bool is_cut(Str text, size_t at, size_t end)
{
    bool quoted = at == 0 || is_quote(text.ptr[at - 1]);
    return quoted && ((end == text.len && end >= CUT_LEN_MIN) ||
                      str_starts(str_skip(text, end), STR("...")) ||
                      str_starts(str_skip(text, end), STR("\xe2\x80\xa6")));
}

/* How much of the text from here is a hidden value; 0: none begins here. */
static size_t match(Veil *veil, Str text, size_t at)
{
    size_t low = 0, high = veil->count, depth = 0, found = 0;
    while (at + depth < text.len) {
        unsigned byte = (unsigned char)text.ptr[at + depth];
        size_t from = first_from(veil, low, high, depth, byte);
        size_t to = first_from(veil, from, high, depth, byte + 1);
        veil->steps++;
        if (from == to)
            break;
        low = from;
        high = to;
        depth++;
        if (veil->hidden[low].len == depth && ends_word(text, at + depth) &&
            !is_step(text, at, at + depth))
            found = depth;
    }
    if (depth >= VEIL_LEN_MIN && depth > found && is_cut(text, at, at + depth))
        return depth;
    return found;
}

/* The index of the quote that closes the one at `at`; text.len: it is none. */
static size_t closing(Str text, size_t at)
{
    if (!is_quote(text.ptr[at]) || (at && is_word(text.ptr[at - 1])))
        return text.len;
    for (size_t i = at + 1; i < text.len; i++)
        if (text.ptr[i] == text.ptr[at] && (i + 1 == text.len || !is_word(text.ptr[i + 1])))
            return i;
    return text.len;
}

static bool is_address(Str span)
{
    return str_starts(span, STR("http://")) || str_starts(span, STR("https://")) ||
           str_starts(span, STR("urn:"));
}

static bool only_letters(Str span)
{
    for (size_t i = 0; i < span.len; i++)
        if (!((span.ptr[i] | 32) >= 'a' && (span.ptr[i] | 32) <= 'z'))
            return false;
    return true;
}

/* Too much to look through: taken for one. */
static bool is_part(Veil *veil, Str span)
{
    if (span.len < VEIL_LEN_MIN || is_address(span) || only_letters(span))
        return false;
    veil->parts += veil->hidden_bytes;
    if (veil->parts > VEIL_PARTS_MAX)
        return true;
    for (size_t i = 0; i < veil->count; i++)
        if (veil->hidden[i].len > span.len && str_find(veil->hidden[i], span) != SIZE_MAX)
            return true;
    return false;
}

static void add_masked(Buf *out, Str text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_add_char(out, mask_char(text.ptr[i]));
}

static bool opens(Str text, size_t at)
{
    return is_quote(text.ptr[at]) && (at == 0 || !is_word(text.ptr[at - 1]));
}

/* Of a document that is not known, what is quoted may be a value; also if the end was clipped. */
static size_t quoted_at(Veil *veil, Str text, size_t at)
{
    size_t close = closing(text, at), value = match(veil, text, at + 1);
    if (close == text.len)
        return str_find_char(str_skip(text, at), '\n');
    if (is_address(str_cut(text, at + 1, close)))
        return 0;
    return value > close - at ? value + 1 : close - at + 1;
}

/* What begins here and is not shown. */
static size_t hidden_at(Veil *veil, Str text, size_t at)
{
    size_t len = begins_word(text, at) ? match(veil, text, at) : 0;
    if (!len && !veil->whole && opens(text, at))
        return quoted_at(veil, text, at);
    size_t close = len || !is_quote(text.ptr[at]) ? text.len : closing(text, at);
    if (close == text.len || match(veil, text, at + 1)) /* a value that itself has quotes */
        return len;
    return is_part(veil, str_cut(text, at + 1, close)) ? close - at + 1 : 0;
}

/* A code stands behind its system's address ('http://a/b#code'), a search behind its route's. */
static size_t address_end(Str text, size_t at, size_t close)
{
    while (at < close && text.ptr[at] != '#' && text.ptr[at] != '?')
        at++;
    return at;
}

void veil_add(Veil *veil, Buf *out, Str text)
{
    size_t shown = SIZE_MAX, behind = SIZE_MAX;
    for (size_t i = 0; i < text.len;) {
        if (veil->shut || veil->steps > VEIL_STEPS_MAX) {
            add_masked(out, str_skip(text, i));
            return;
        }
        size_t len = i == shown ? 0 : hidden_at(veil, text, i);
        if (!len && i != shown && !veil->whole && opens(text, i)) {
            shown = closing(text, i); /* of an address: it opens nothing, as in 'http://a/' */
            behind = address_end(text, i, shown);
        }
        if (!len && i == behind && behind < shown)
            len = shown - behind;
        if (len)
            add_masked(out, str_cut(text, i, i + len));
        else
            buf_add_char(out, text.ptr[i]);
        i += len ? len : 1;
    }
}

/* --- in JSON ---------------------------------------------------------------------------------- */

/* A path's marks name a resource by type and id: the id is masked. */
static void add_path(Buf *out, Str text)
{
    while (text.len) {
        size_t mark = str_find(text, STR("/*"));
        if (mark == SIZE_MAX)
            break;
        size_t id = mark + 2 + str_find_char(str_skip(text, mark + 2), '/') + 1;
        size_t end = id < text.len ? str_find(str_skip(text, id), STR("*/")) : SIZE_MAX;
        if (end == SIZE_MAX)
            break;
        Str name = str_cut(text, id, id + end);
        buf_add(out, str_cut(text, 0, id));
        if (str_is(name, "null"))
            buf_add(out, name);
        else
            add_masked(out, name);
        buf_add(out, STR("*/"));
        text = str_skip(text, id + end + 2);
    }
    buf_add(out, text);
}

/* Others may write anything where a path should be. */
static void add_foreign_path(Veil *veil, Buf *out, Str text)
{
    BUF_AUTO path;
    buf_init(&path, text.len + 1);
    add_path(&path, text);
    veil_add(veil, out, buf_str(&path));
}

/* Who wrote the document that is gone through: an answer is of fhirbus, too; of others, a
 * destination's answer, nobody knows how they quote. */
typedef enum Whose { WHOSE_TALE, WHOSE_ANSWER, WHOSE_OTHERS } Whose;

typedef enum Holds {
    HOLDS_NONE,
    HOLDS_TEXT,
    HOLDS_PATH,
    HOLDS_FOREIGN_PATH,
    HOLDS_OTHERS,
    HOLDS_VALUE
} Holds;

static bool is_among(Str member, const char *const *list)
{
    for (; *list; list++)
        if (str_is(member, *list))
            return true;
    return false;
}

static Holds holds_of_tale(Str member)
{
    static const char *const texts[] = {"diagnostics", "text",   "display", "description",
                                        "details",     "body",   "before",  "error_text",
                                        "after",       "reason", "failure", "precheck_message",
                                        "transforms",  NULL};
    static const char *const others[] = {"response", "response_headers", NULL};
    static const char *const paths[] = {"location", "expression", NULL};
    if (is_among(member, paths))
        return HOLDS_PATH;
    if (is_among(member, others))
        return HOLDS_OTHERS;
    return is_among(member, texts) ? HOLDS_TEXT : HOLDS_NONE;
}

/* Where not all was learnt, an answer's sentences quote what is a value, and its paths name no
 * more than ours; others may say a value in the midst of either. */
static Holds holds_of(const Veil *veil, Str member, Whose whose)
{
    static const char *const sentences[] = {"diagnostics", "text", "description", NULL};
    static const char *const paths[] = {"location", "expression", NULL};
    if (whose == WHOSE_TALE)
        return holds_of_tale(member);
    if (mask_is_open(member))
        return HOLDS_NONE;
    bool told = veil->whole || whose == WHOSE_ANSWER;
    if (told && is_among(member, paths))
        return HOLDS_FOREIGN_PATH;
    return veil->whole || (told && is_among(member, sentences)) ? HOLDS_TEXT : HOLDS_VALUE;
}

static void add_json(Veil *veil, Buf *out, Str json, Whose whose, unsigned nested);

/* A string that is a document itself, as the body of an answer. */
static bool is_document(Str text)
{
    text = str_trim(text);
    return text.len > 1 && (text.ptr[0] == '{' || text.ptr[0] == '[');
}

/* What a string of text holds, where it is no value for certain. */
static void add_text(Veil *veil, Buf *out, Str text, Whose whose, unsigned nested)
{
    if (is_document(text) && nested < NESTED_MAX)
        add_json(veil, out, text, whose, nested + 1);
    else if (whose == WHOSE_OTHERS && !veil->whole)
        add_masked(out, text);
    else
        veil_add(veil, out, text);
}

static void add_value(Veil *veil, Buf *out, Str whole, Holds holds, Whose whose, unsigned nested)
{
    bool closed = whole.len > 1 && whole.ptr[whole.len - 1] == '"';
    Str text = unescaped(veil, str_cut(whole, 1, closed ? whole.len - 1 : whole.len));
    BUF_AUTO veiled;
    buf_init(&veiled, 8 * text.len + 64);
    if (!closed || holds == HOLDS_VALUE)
        add_masked(&veiled, text);
    else if (holds == HOLDS_PATH)
        add_path(&veiled, text);
    else if (holds == HOLDS_FOREIGN_PATH)
        add_foreign_path(veil, &veiled, text);
    else
        add_text(veil, &veiled, text,
                 holds == HOLDS_OTHERS || whose == WHOSE_OTHERS ? WHOSE_OTHERS : WHOSE_ANSWER,
                 nested);
    if (str_eq(buf_str(&veiled), text))
        buf_add(out, whole);
    else
        json_write_string(out, buf_str(&veiled));
}

static bool is_literal(Str word)
{
    return str_is(word, "true") || str_is(word, "false") || str_is(word, "null");
}

/* What is no string: figures of a document may be values, too. */
static size_t add_bare(Veil *veil, Buf *out, Str json, size_t at, Whose whose)
{
    size_t end = at + 1;
    if (whose == WHOSE_TALE || !is_word(json.ptr[at])) {
        buf_add_char(out, json.ptr[at]);
        return end;
    }
    while (end < json.len && (is_word(json.ptr[end]) || json.ptr[end] == '.'))
        end++;
    Str word = str_cut(json, at, end);
    if (veil->whole || whose == WHOSE_ANSWER || is_literal(word))
        veil_add(veil, out, word);
    else
        add_masked(out, word);
    return end;
}

/* Names of others' members may be anything. */
static void add_name(Veil *veil, Buf *out, Str whole, Whose whose, unsigned nested)
{
    if (whose == WHOSE_OTHERS && veil->whole)
        add_value(veil, out, whole, HOLDS_TEXT, whose, nested);
    else
        buf_add(out, whole);
}

/* Of what holds texts, all that is within does; of what holds others', all is theirs. */
static Whose whose_within(Whose whose, Holds around)
{
    if (whose != WHOSE_TALE || around == HOLDS_NONE)
        return whose;
    return around == HOLDS_OTHERS ? WHOSE_OTHERS : WHOSE_ANSWER;
}

static void add_json(Veil *veil, Buf *out, Str json, Whose whose, unsigned nested)
{
    Holds around[DEPTH_MAX] = {whose == WHOSE_TALE ? HOLDS_NONE : HOLDS_TEXT}, holds = around[0];
    size_t depth = 0;
    for (size_t i = 0; i < json.len;) {
        char c = json.ptr[i];
        if (c == '"') {
            size_t end = mask_string_end(json, i);
            Str whole = str_cut(json, i, end);
            Whose here = whose_within(whose, around[depth]);
            bool name = mask_is_name(json, end);
            if (name && whole.len > 1)
                holds = holds_of(veil, str_cut(whole, 1, whole.len - 1), here);
            if (name)
                add_name(veil, out, whole, here, nested);
            else if (holds == HOLDS_NONE)
                buf_add(out, whole);
            else
                add_value(veil, out, whole, holds, here, nested);
            i = end;
            continue;
        }
        if ((c == '{' || c == '[') && depth + 1 < DEPTH_MAX)
            around[++depth] = holds;
        else if ((c == '}' || c == ']') && depth)
            holds = around[--depth];
        i = add_bare(veil, out, json, i, whose);
    }
}

void veil_add_json(Veil *veil, Buf *out, Str json)
{
    add_json(veil, out, json, WHOSE_TALE, 0);
}
