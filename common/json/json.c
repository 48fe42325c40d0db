#include "common/json/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/base/check.h"

enum { DEPTH_DEFAULT = 256, NODES_DEFAULT = 20 * 1000 * 1000, PAIRWISE_MAX = 12 };
static const uint32_t NONE = UINT32_MAX;

typedef struct Reader {
    const char *start;
    const char *at;
    const char *end;
    const JsonNames *names;
    Arena *arena;
    JsonNode *nodes;
    uint32_t count;
    uint32_t room;
    uint32_t node_limit;
    uint32_t depth_limit;
    uint32_t depth;
    uint32_t duplicates;
    const char *bad; /* where the error is */
    Err *err;
} Reader;

static bool fail(Reader *r, const char *at, const char *code, const char *text)
{
    r->bad = at;
    return ERR(r->err, ERR_INPUT, code, "%s", text);
}

static bool syntax(Reader *r, const char *text)
{
    return fail(r, r->at, "json-syntax", text);
}

/* --- names ------------------------------------------------------------------------------------ */

Str json_name_text(const JsonNames *names, uint16_t id)
{
    if (!names || id >= names->count)
        return STR_NONE;
    return (Str){names->pool + names->at[id], names->at[id + 1] - names->at[id]};
}

/* Of the first and last 8 bytes and the length: property names are short, and a flat table in a
 * mapped file needs a function that never changes. */
static uint32_t name_hash(const char *text, size_t len)
{
    uint64_t head = 0;
    uint64_t tail = 0;
    if (len >= 8) {
        memcpy(&head, text, 8);
        memcpy(&tail, text + len - 8, 8);
    } else if (len >= 4) {
        uint32_t a;
        uint32_t b;
        memcpy(&a, text, 4);
        memcpy(&b, text + len - 4, 4);
        head = a;
        tail = b;
    } else {
        for (size_t i = 0; i < len; i++)
            head = head << 8 | (unsigned char)text[i];
    }
    uint64_t h = (head ^ len * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xFF51AFD7ED558CCD);
    h = (h ^ (h >> 32) ^ tail) * UINT64_C(0xC4CEB9FE1A85EC53);
    return (uint32_t)(h >> 32);
}

uint16_t json_name_find(const JsonNames *names, Str name)
{
    if (!names || !names->slot_count)
        return JSON_NAME_UNKNOWN;
    uint32_t mask = names->slot_count - 1;
    for (uint32_t slot = name_hash(name.ptr, name.len) & mask;; slot = (slot + 1) & mask) {
        uint16_t id = names->slots[slot];
        if (id == JSON_NAME_UNKNOWN)
            return JSON_NAME_UNKNOWN;
        if (names->at[id + 1] - names->at[id] == name.len &&
            memcmp(names->pool + names->at[id], name.ptr, name.len) == 0)
            return id;
    }
}

void json_names_index(JsonNames *names, uint16_t *slots)
{
    uint32_t mask = names->slot_count - 1;
    CHECK(names->slot_count > names->count && (names->slot_count & mask) == 0);
    for (uint32_t id = 1; id < names->count; id++) {
        Str text = json_name_text(names, (uint16_t)id);
        uint32_t slot = name_hash(text.ptr, text.len) & mask;
        while (slots[slot])
            slot = (slot + 1) & mask;
        slots[slot] = (uint16_t)id;
    }
    names->slots = slots;
}

/* --- characters ------------------------------------------------------------------------------- */

static inline void skip_space(Reader *r)
{
    const char *p = r->at;
    const char *end = r->end;
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
#ifdef __SSE2__
        /* Indentation: runs of blanks behind a line end. */
        while (end - p >= 16) {
            __m128i chunk = _mm_loadu_si128((const __m128i *)(const void *)p);
            unsigned blank = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(chunk, _mm_set1_epi8(' ')));
            if (blank != 0xFFFFU) {
                p += __builtin_ctz(~blank);
                break;
            }
            p += 16;
        }
#endif
    }
    r->at = p;
}

/* The first byte that ends a run of plain ASCII in a string: quote, backslash, control, non-ASCII.
 */
static inline const char *plain_run(const char *p, const char *end)
{
#ifdef __SSE2__
    while (end - p >= 16) {
        __m128i chunk = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Signed: bytes above 0x7F are negative, so one comparison finds controls and non-ASCII. */
        __m128i stop = _mm_or_si128(_mm_cmplt_epi8(chunk, _mm_set1_epi8(0x20)),
                                    _mm_or_si128(_mm_cmpeq_epi8(chunk, _mm_set1_epi8('"')),
                                                 _mm_cmpeq_epi8(chunk, _mm_set1_epi8('\\'))));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);
        if (mask)
            return p + __builtin_ctz(mask);
        p += 16;
    }
#endif
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

/* Bytes of the well-formed UTF-8 sequence at p (first byte above 0x7F), or 0. spec: RFC 3629 §4 */
static size_t utf8_sequence(const char *text, const char *end)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t left = (size_t)(end - text);
    unsigned char lead = p[0];
    if (lead >= 0xC2 && lead <= 0xDF)
        return left >= 2 && (p[1] & 0xC0) == 0x80 ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (left < 3 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80)
            return 0;
        if ((lead == 0xE0 && p[1] < 0xA0) || (lead == 0xED && p[1] > 0x9F))
            return 0;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (left < 4 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80 || (p[3] & 0xC0) != 0x80)
            return 0;
        if ((lead == 0xF0 && p[1] < 0x90) || (lead == 0xF4 && p[1] > 0x8F))
            return 0;
        return 4;
    }
    return 0;
}

static int hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *utf8_put(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xC0 | (code >> 6));
        *to++ = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *to++ = (char)(0xE0 | (code >> 12));
        *to++ = (char)(0x80 | ((code >> 6) & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    } else {
        *to++ = (char)(0xF0 | (code >> 18));
        *to++ = (char)(0x80 | ((code >> 12) & 0x3F));
        *to++ = (char)(0x80 | ((code >> 6) & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    }
    return to;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* \uXXXX at r->at (behind the 'u'), a surrogate pair included. */
static bool read_code_point(Reader *r, uint32_t *ret_code)
{
    const char *escape = r->at - 2;
    int high = r->end - r->at >= 4 ? hex4(r->at) : -1;
    if (high < 0)
        return fail(r, escape, "json-syntax", "\\u needs four hexadecimal digits");
    r->at += 4;
    if (high >= 0xDC00 && high <= 0xDFFF)
        return fail(r, escape, "json-utf8", "low surrogate without a high one before it");
    if (high < 0xD800 || high > 0xDBFF) {
        *ret_code = (uint32_t)high;
        return true;
    }
    int low = r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u' ? hex4(r->at + 2) : -1;
    if (low < 0xDC00 || low > 0xDFFF)
        return fail(r, escape, "json-utf8", "high surrogate without a low one behind it");
    r->at += 6;
    *ret_code = 0x10000U + (((uint32_t)high - 0xD800U) << 10) + ((uint32_t)low - 0xDC00U);
    return true;
}

/* The escape behind a backslash at r->at: its character goes to *to. */
static bool read_escape(Reader *r, char **to)
{
    static const char plain[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    r->at++;
    if (r->at == r->end)
        return syntax(r, "the string is not closed");
    char c = *r->at++;
    if (c == 'u') {
        uint32_t code = 0;
        TRY(read_code_point(r, &code));
        *to = utf8_put(*to, code);
        return true;
    }
    const char *known = c ? strchr(plain, c) : NULL;
    if (!known)
        return fail(r, r->at - 2, "json-syntax", "unknown escape in a string");
    *(*to)++ = meant[known - plain];
    return true;
}

/* r->at: behind what plain_run passed over, on something special. Moves on; true if the string goes
 * on. */
static bool pass_special(Reader *r)
{
    unsigned char c = (unsigned char)*r->at;
    if (c < 0x20)
        return fail(r, r->at, "json-syntax", "control character in a string; write it as \\u00XX");
    size_t length = utf8_sequence(r->at, r->end);
    if (length == 0)
        return fail(r, r->at, "json-utf8", "invalid UTF-8");
    r->at += length;
    return true;
}

/* A string with escapes: decoded into the arena. `from` is behind the opening quote. A decoded
 * string is never longer than it was written, so the source up to the closing quote bounds its
 * size. */
static bool read_escaped(Reader *r, const char *from, Str *ret_text)
{
    const char *close = r->at;
    while (close < r->end && *close != '"') {
        close += *close == '\\' && r->end - close > 1 ? 2 : 1;
        close = plain_run(close, r->end);
    }
    if (close >= r->end) {
        r->at = r->end;
        return syntax(r, "the string is not closed");
    }
    char *text = arena_alloc(r->arena, (size_t)(close - from) + 1);
    if (!text)
        return fail(r, from, "memory-limit", "the document needs more memory than allowed");
    char *to = text;
    for (r->at = from; *r->at != '"';) {
        const char *run = r->at;
        if (*r->at == '\\') {
            TRY(read_escape(r, &to));
            continue;
        }
        r->at = plain_run(run, r->end);
        while (r->at < r->end && (unsigned char)*r->at >= 0x80)
            TRY(pass_special(r));
        if (r->at < r->end && (unsigned char)*r->at < 0x20)
            return pass_special(r);
        memcpy(to, run, (size_t)(r->at - run));
        to += r->at - run;
    }
    r->at++;
    *to = '\0';
    *ret_text = (Str){text, (size_t)(to - text)};
    return true;
}

/* r->at: behind the opening quote; on success behind the closing one. */
static inline bool read_string(Reader *r, Str *ret_text, bool *ret_escaped)
{
    const char *from = r->at;
    for (;;) {
        r->at = plain_run(r->at, r->end);
        if (r->at == r->end)
            return syntax(r, "the string is not closed");
        if (*r->at == '"') {
            *ret_text = (Str){from, (size_t)(r->at - from)};
            r->at++;
            return true;
        }
        if (*r->at == '\\') {
            *ret_escaped = true;
            return read_escaped(r, from, ret_text);
        }
        TRY(pass_special(r));
    }
}

/* --- numbers and words ------------------------------------------------------------------------ */

static inline bool is_digit(const Reader *r)
{
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static bool skip_digits(Reader *r, const char *text)
{
    if (!is_digit(r))
        return syntax(r, text);
    while (is_digit(r))
        r->at++;
    return true;
}

/* spec: RFC 8259 §6 */
static bool read_number(Reader *r)
{
    if (*r->at == '-')
        r->at++;
    if (r->at < r->end && *r->at == '0') {
        r->at++;
        if (is_digit(r))
            return syntax(r, "a number must not have leading zeros");
    } else {
        TRY(skip_digits(r, "expected a digit behind the minus sign"));
    }
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        TRY(skip_digits(r, "expected a digit behind the decimal point"));
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        TRY(skip_digits(r, "expected a digit in the exponent"));
    }
    return true;
}

static bool read_word(Reader *r, Str word)
{
    if ((size_t)(r->end - r->at) < word.len || memcmp(r->at, word.ptr, word.len) != 0)
        return syntax(r, "expected a value: object, array, string, number, true, false or null");
    r->at += word.len;
    return true;
}

/* --- structure -------------------------------------------------------------------------------- */

static bool more_nodes(Reader *r)
{
    if (r->count >= r->node_limit)
        return fail(r, r->at, "json-nodes", "the document has more values than allowed");
    uint32_t room = r->room ? r->room * 2 : (uint32_t)((r->end - r->start) / 24) + 64;
    JsonNode *nodes = arena_grow(r->arena, r->nodes, sizeof *nodes * r->room, sizeof *nodes * room);
    if (!nodes)
        return fail(r, r->at, "memory-limit", "the document needs more memory than allowed");
    r->nodes = nodes;
    r->room = room;
    return true;
}

/* The text of an open container leads to its last child (in `end`), so no stack is needed. */
static inline JsonNode *add_node(Reader *r, uint32_t open)
{
    if (r->count >= r->room || r->count >= r->node_limit)
        if (!more_nodes(r))
            return NULL;
    uint32_t index = r->count++;
    JsonNode *node = &r->nodes[index];
    *node = (JsonNode){.parent = open == NONE ? 0 : open};
    if (open != NONE) {
        JsonNode *parent = &r->nodes[open];
        if (parent->count)
            r->nodes[parent->end].next = index;
        node->index = parent->count++;
        parent->end = index;
    }
    return node;
}

static bool read_key(Reader *r, JsonNode *node)
{
    skip_space(r);
    if (r->at == r->end || *r->at != '"')
        return syntax(r, "expected a property name in double quotes");
    node->key_at = (uint32_t)(r->at - r->start);
    r->at++;
    Str key = STR_NONE;
    bool escaped = false;
    TRY(read_string(r, &key, &escaped));
    node->key = key.ptr;
    node->key_len = (uint32_t)key.len;
    node->name = json_name_find(r->names, key);
    skip_space(r);
    if (r->at == r->end || *r->at != ':')
        return syntax(r, "expected ':' behind the property name");
    r->at++;
    skip_space(r);
    return true;
}

static bool same_key(const JsonNode *a, const JsonNode *b)
{
    return a->name == b->name && a->key_len == b->key_len &&
           (a->name != JSON_NAME_UNKNOWN || memcmp(a->key, b->key, a->key_len) == 0);
}

static void flag_duplicate(Reader *r, JsonNode *object, JsonNode *member)
{
    member->flags |= JSON_FLAG_DUPLICATE;
    object->flags |= JSON_FLAG_HAS_DUPLICATES;
    r->duplicates++;
}

static void find_duplicates_pairwise(Reader *r, JsonNode *object)
{
    JsonNode *first = object + 1;
    for (JsonNode *b = first; b->next;) {
        b = r->nodes + b->next;
        for (JsonNode *a = first; a != b; a = r->nodes + a->next) {
            if (same_key(a, b)) {
                flag_duplicate(r, object, b);
                break;
            }
        }
    }
}

/* Many members: a hash set of node indices, given back at once. */
static bool find_duplicates_hashed(Reader *r, JsonNode *object)
{
    uint32_t slots = 32;
    while (slots < object->count * 2)
        slots *= 2;
    ArenaMark mark = arena_mark(r->arena);
    uint32_t *set = ARENA_ARRAY(r->arena, uint32_t, slots);
    if (!set)
        return fail(r, r->at, "memory-limit", "the document needs more memory than allowed");
    for (JsonNode *member = object + 1;; member = r->nodes + member->next) {
        uint32_t slot = (uint32_t)str_hash(json_key(member)) & (slots - 1);
        while (set[slot] && !same_key(&r->nodes[set[slot]], member))
            slot = (slot + 1) & (slots - 1);
        if (set[slot])
            flag_duplicate(r, object, member);
        else
            set[slot] = (uint32_t)(member - r->nodes);
        if (!member->next)
            break;
    }
    arena_release(r->arena, mark);
    return true;
}

static bool close_container(Reader *r, JsonNode *node)
{
    r->at++;
    r->depth--;
    node->end = (uint32_t)(r->at - r->start);
    if (node->kind != JSON_KIND_OBJECT || node->count < 2)
        return true;
    if (node->count > PAIRWISE_MAX)
        return find_duplicates_hashed(r, node);
    find_duplicates_pairwise(r, node);
    return true;
}

/* Reads a scalar, or the opening bracket of a container: then *ret_opened. */
static inline bool read_value(Reader *r, JsonNode *node, bool *ret_opened)
{
    if (r->at == r->end)
        return syntax(r, "the text ends where a value is expected");
    node->at = (uint32_t)(r->at - r->start);
    switch (*r->at) {
    case '{':
    case '[':
        node->kind = *r->at == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
        if (++r->depth > r->depth_limit)
            return fail(r, r->at, "json-depth", "nested deeper than allowed");
        r->at++;
        *ret_opened = true;
        return true;
    case '"': {
        Str text = STR_NONE;
        bool escaped = false;
        r->at++;
        TRY(read_string(r, &text, &escaped));
        node->kind = JSON_KIND_STRING;
        node->flags = escaped ? JSON_FLAG_ESCAPED : 0;
        node->text = text.ptr;
        node->text_len = (uint32_t)text.len;
        break;
    }
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        node->kind = JSON_KIND_NUMBER;
        node->text = r->at;
        TRY(read_number(r));
        node->text_len = (uint32_t)(r->at - node->text);
        break;
    case 't':
        node->kind = JSON_KIND_TRUE;
        TRY(read_word(r, STR("true")));
        break;
    case 'f':
        node->kind = JSON_KIND_FALSE;
        TRY(read_word(r, STR("false")));
        break;
    case 'n':
        node->kind = JSON_KIND_NULL;
        TRY(read_word(r, STR("null")));
        break;
    default:
        return syntax(r, "expected a value: object, array, string, number, true, false or null");
    }
    node->end = (uint32_t)(r->at - r->start);
    return true;
}

/* Behind a value: closes what ends here. *open becomes NONE when the root is complete. */
static inline bool read_behind(Reader *r, uint32_t *open)
{
    while (*open != NONE) {
        JsonNode *container = &r->nodes[*open];
        bool object = container->kind == JSON_KIND_OBJECT;
        skip_space(r);
        if (r->at == r->end)
            return syntax(r, object ? "the object is not closed" : "the array is not closed");
        if (*r->at == ',' && container->count) {
            r->at++;
            return true;
        }
        if (*r->at != (object ? '}' : ']'))
            return syntax(r, object ? "expected ',' or '}' in an object"
                                    : "expected ',' or ']' in an array");
        TRY(close_container(r, container));
        *open = *open == 0 ? NONE : container->parent;
    }
    return true;
}

static bool is_closer(Reader *r)
{
    skip_space(r);
    return r->at < r->end && (*r->at == '}' || *r->at == ']');
}

static bool read_root(Reader *r)
{
    uint32_t open = NONE;
    skip_space(r);
    for (;;) {
        JsonNode *node = add_node(r, open);
        if (!node)
            return false;
        JsonNode *object = open == NONE ? NULL : &r->nodes[open];
        if (object && object->kind == JSON_KIND_OBJECT) {
            TRY(read_key(r, node));
            if (node->key_len && node->key[0] == '_')
                object->flags |= JSON_FLAG_UNDERSCORED;
        } else {
            skip_space(r);
        }
        bool opened = false;
        TRY(read_value(r, node, &opened));
        if (opened) {
            open = (uint32_t)(node - r->nodes);
            if (!is_closer(r))
                continue;
        }
        TRY(read_behind(r, &open));
        if (open == NONE)
            break;
    }
    skip_space(r);
    return r->at == r->end || syntax(r, "expected nothing behind the JSON value");
}

static bool read_start(Reader *r, const JsonLimits *limits)
{
    size_t bytes = (size_t)(r->end - r->start);
    size_t most = limits && limits->bytes ? limits->bytes : UINT32_MAX - 1;
    r->depth_limit = limits && limits->depth ? limits->depth : DEPTH_DEFAULT;
    r->node_limit = limits && limits->nodes ? limits->nodes : NODES_DEFAULT;
    if (bytes > most)
        return fail(r, r->start, "json-bytes", "the document is larger than allowed");
    if (bytes >= 3 && memcmp(r->start, "\xEF\xBB\xBF", 3) == 0)
        return fail(r, r->start, "json-bom", "a byte order mark is not allowed before JSON");
    skip_space(r);
    return r->at < r->end || syntax(r, "the document is empty");
}

bool json_read(Str bytes, const JsonNames *names, const JsonLimits *limits, Arena *arena,
               JsonDoc *ret_doc, JsonPosition *ret_at, Err *err)
{
    const char *start = bytes.ptr ? bytes.ptr : "";
    Reader r = {.start = start,
                .at = start,
                .end = start + bytes.len,
                .names = names,
                .arena = arena,
                .err = err};
    if (!read_start(&r, limits) || !read_root(&r)) {
        if (ret_at)
            *ret_at = json_position(bytes, (uint32_t)(r.bad - start));
        return false;
    }
    *ret_doc = (JsonDoc){
        .source = {start, bytes.len},
        .nodes = r.nodes,
        .count = r.count,
        .duplicates = r.duplicates,
        .names = names
    };
    return true;
}

/* --- look-up ---------------------------------------------------------------------------------- */

const JsonNode *json_get_str(const JsonDoc *doc, const JsonNode *object, Str name)
{
    if (!object || object->kind != JSON_KIND_OBJECT)
        return NULL;
    JSON_EACH(doc, member, object)
    if (str_eq(json_key(member), name))
        return member;
    return NULL;
}

const JsonNode *json_get(const JsonDoc *doc, const JsonNode *object, const char *name)
{
    return json_get_str(doc, object, str_from(name));
}

const JsonNode *json_get_id(const JsonDoc *doc, const JsonNode *object, uint16_t name)
{
    if (!object || object->kind != JSON_KIND_OBJECT || name == JSON_NAME_UNKNOWN)
        return NULL;
    JSON_EACH(doc, member, object)
    if (member->name == name)
        return member;
    return NULL;
}

Str json_get_text(const JsonDoc *doc, const JsonNode *object, const char *name)
{
    const JsonNode *member = json_get(doc, object, name);
    return member && member->kind == JSON_KIND_STRING ? json_text(member) : STR_NONE;
}

bool json_get_true(const JsonDoc *doc, const JsonNode *object, const char *name)
{
    const JsonNode *member = json_get(doc, object, name);
    return member && member->kind == JSON_KIND_TRUE;
}
