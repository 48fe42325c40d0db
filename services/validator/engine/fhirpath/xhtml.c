#include "services/validator/engine/fhirpath/xhtml.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef struct Reader {
    const char *at, *end;
    Str open[XHTML_DEPTH_MAX];
    uint32_t depth;
    XhtmlAttribute attributes[XHTML_ATTRIBUTES_MAX]; /* of the tag in hand */
    uint32_t attribute_count;
    const XhtmlVisitor *visitor; /* or NULL */
    bool root;                   /* there was one */
    bool content;
    bool allowed;
    bool tag_allowed; /* the tag in hand */
} Reader;

static const char *const entities[] = {
#include "services/validator/engine/fhirpath/xhtml_entities.inc"
};

/* --- what is allowed ---------------------------------------------------------------------------
 * spec: hl7.org/fhir/R4/narrative.html#rules; the lists as the Java core has them. Rows are the
 * lengths of names, so that a look at few of them tells. */

enum { NAME_BYTES = 12, OF_LENGTH_MAX = 20, ELEMENTS_MAX = 2 };

static const char elements[][OF_LENGTH_MAX][NAME_BYTES] = {
    [1] = {"a",   "b", "i", "p", "q"},
    [2] = {"br",  "dd", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "td",
           "th", "tr", "tt", "ul"},
    [3] = {"bdo",  "big", "col", "dfn", "div", "img", "kbd", "map", "pre", "sub", "sup", "var"},
    [4] = {"abbr",  "area", "cite", "code", "samp", "span"},
    [5] = {"small", "table", "tbody", "tfoot", "thead"},
    [6] = {"strong"},
    [7] = {"acronym", "address", "caption"},
    [8] = {"colgroup"},
    [10] = {"blockquote"},
};
typedef struct Attribute {
    char name[NAME_BYTES];
    char of[ELEMENTS_MAX][NAME_BYTES]; /* of these elements; none: of any */
} Attribute;
static const Attribute attributes[][OF_LENGTH_MAX] = {
    [2] = {{"id"}                  },
    [3] = {               {"dir"},          {"rel", {"a"}}, {"rev", {"a"}}, {"alt", {"img", "area"}}, {"src", {"img"}}},
    [4] = { {"abbr"},
           {"axis"},
           {"char"},
           {"lang"},
           {"span"},
           {"href", {"a", "area"}},
           {"name", {"a", "map"}},
           {"type", {"a"}},
           {"cite", {"q", "blockquote"}}},
    [5] = {                      {"align"},
           {"class"},
           {"scope"},
           {"style"},
           {"title"},
           {"width"},
           {"shape", {"a", "area"}},
           {"ismap", {"img"}},
           {"space", {"pre"}},
           {"frame", {"table"}},
           {"rules", {"table"}}},
    [6] = {                                 {"valign"},
           {"coords", {"a", "area"}},
           {"nowrap", {"td"}},
           {"border", {"img", "table"}},
           {"height", {"img"}},
           {"usemap", {"img"}},
           {"nohref", {"area"}}},
    [7] = {                  {"charoff"},
           {"colspan"},
           {"headers"},
           {"rowspan"},
           {"charset", {"a"}},
           {"summary", {"table"}}},
    [8] = {            {"tabindex"},                {"xml:lang"}, {"hreflang", {"a"}}, {"longdesc", {"img"}}},
    [9] = {                                {"accesskey"},                {"xml:space"}},
    [11] = {                                {"cellpadding", {"table"}}, {"cellspacing", {"table"}}},
};
#define LENGTHS(table) (sizeof(table) / sizeof *(table))

static inline bool is_name(const char *known, Str name)
{
    return known[0] == name.ptr[0] && known[name.len - 1] == name.ptr[name.len - 1] &&
           memcmp(known, name.ptr, name.len) == 0;
}

bool xhtml_element_allowed(Str name)
{
    if (name.len == 0 || name.len >= LENGTHS(elements))
        return false;
    for (size_t i = 0; i < OF_LENGTH_MAX && elements[name.len][i][0]; i++)
        if (is_name(elements[name.len][i], name))
            return true;
    return false;
}

bool xhtml_attribute_allowed(Str element, Str name)
{
    if (str_starts(name, STR("xmlns")))
        return true;
    if (name.len == 0 || name.len >= LENGTHS(attributes))
        return false;
    for (const Attribute *a = attributes[name.len]; a->name[0]; a++)
        if (is_name(a->name, name))
            return !a->of[0][0] || str_is(element, a->of[0]) || str_is(element, a->of[1]);
    return false;
}

/* --- characters --------------------------------------------------------------------------------
 */

enum { CHAR_NAME = 1, CHAR_SPACE = 2 };
static const uint8_t kinds[256] = {
    ['a' ... 'z'] = CHAR_NAME, ['A' ... 'Z'] = CHAR_NAME,   ['0' ... '9'] = CHAR_NAME,
    [':'] = CHAR_NAME,         ['_'] = CHAR_NAME,           ['-'] = CHAR_NAME,
    ['.'] = CHAR_NAME,         [0x80 ... 0xFF] = CHAR_NAME, [' '] = CHAR_SPACE,
    ['\t'] = CHAR_SPACE,       ['\n'] = CHAR_SPACE,         ['\r'] = CHAR_SPACE,
};

static inline bool is_kind(char c, uint8_t kind)
{
    return kinds[(unsigned char)c] == kind;
}

static inline int peek(const Reader *r)
{
    return r->at < r->end ? (unsigned char)*r->at : -1;
}
static inline Str rest_of(const Reader *r)
{
    return (Str){r->at, (size_t)(r->end - r->at)};
}
static inline void skip_space(Reader *r)
{
    while (r->at < r->end && is_kind(*r->at, CHAR_SPACE))
        r->at++;
}

static inline bool read_name(Reader *r, Str *ret)
{
    const char *from = r->at;
    while (r->at < r->end && is_kind(*r->at, CHAR_NAME))
        r->at++;
    *ret = (Str){from, (size_t)(r->at - from)};
    return ret->len > 0;
}

/* The first of three characters in [at, end), or end. */
static inline const char *find_any(const char *at, const char *end, char a, char b, char c)
{
#ifdef __SSE2__
    const __m128i wanted_a = _mm_set1_epi8(a), wanted_b = _mm_set1_epi8(b),
                  wanted_c = _mm_set1_epi8(c);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i hit = _mm_or_si128(
            _mm_cmpeq_epi8(bytes, wanted_a),
            _mm_or_si128(_mm_cmpeq_epi8(bytes, wanted_b), _mm_cmpeq_epi8(bytes, wanted_c)));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask)
            return at + __builtin_ctz(mask);
    }
#endif
    while (at < end && *at != a && *at != b && *at != c)
        at++;
    return at;
}

static bool skip_to(Reader *r, Str end)
{
    size_t found = str_find(rest_of(r), end);
    if (found == SIZE_MAX)
        return false;
    r->at += found + end.len;
    return true;
}

/* --- references --------------------------------------------------------------------------------
 */

static int by_name(const void *key, const void *entry)
{
    return str_compare(*(const Str *)key, str_from(*(const char *const *)entry));
}

static bool is_digit(char c, bool hex)
{
    return (c >= '0' && c <= '9') || (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

/* What stands between '&' and ';'. spec: www.w3.org/TR/REC-xml/#sec-references */
static bool is_reference(Str name)
{
    if (name.len == 0)
        return false;
    if (name.ptr[0] != '#')
        return str_is(name, "amp") || str_is(name, "quot") ||
               bsearch(&name, entities, sizeof entities / sizeof *entities, sizeof *entities,
                       by_name) != NULL;
    bool hex = name.len > 1 && (name.ptr[1] == 'x' || name.ptr[1] == 'X');
    Str digits = str_skip(name, hex ? 2 : 1);
    for (size_t i = 0; i < digits.len; i++)
        if (!is_digit(digits.ptr[i], hex))
            return false;
    return digits.len > 0;
}

/* At '&'. */
static bool read_reference(Reader *r)
{
    enum { REFERENCE_MAX = 16 };
    Str name = {r->at + 1, 0};
    while (name.ptr + name.len < r->end && name.len <= REFERENCE_MAX && name.ptr[name.len] != ';')
        name.len++;
    if (name.ptr + name.len == r->end || name.len > REFERENCE_MAX || !is_reference(name))
        return false;
    r->at = name.ptr + name.len + 1;
    return true;
}

/* Up to one of the ends (or to the end of all); every reference on the way is known. */
static inline bool read_until(Reader *r, char end, char or_end)
{
    while ((r->at = find_any(r->at, r->end, end, or_end, '&')) < r->end && *r->at == '&')
        if (!read_reference(r))
            return false;
    return true;
}

/* --- markup ------------------------------------------------------------------------------------
 */

static bool read_attribute(Reader *r, Str element)
{
    Str name;
    if (!read_name(r, &name))
        return false;
    skip_space(r);
    if (peek(r) != '=')
        return false;
    r->at++;
    skip_space(r);
    int quote = peek(r);
    if (quote != '"' && quote != '\'')
        return false;
    const char *from = ++r->at;
    if (!read_until(r, (char)quote, '<') || peek(r) != quote)
        return false;
    if (r->attribute_count < XHTML_ATTRIBUTES_MAX)
        r->attributes[r->attribute_count++] = (XhtmlAttribute){
            name, (Str){from, (size_t)(r->at - from)}
        };
    r->at++;
    r->tag_allowed = r->tag_allowed && xhtml_attribute_allowed(element, name);
    return true;
}

static void tell_element(Reader *r, Str name, uint32_t depth)
{
    r->allowed = r->allowed && r->tag_allowed;
    if (!r->visitor || !r->visitor->element)
        return;
    const XhtmlTag tag = {name, depth, r->tag_allowed, r->attribute_count, r->attributes};
    r->visitor->element(r->visitor->self, &tag);
}

static bool read_open_tag(Reader *r)
{
    Str name;
    if (!read_name(r, &name) || r->depth == XHTML_DEPTH_MAX || (r->depth == 0 && r->root))
        return false;
    r->root = true;
    r->attribute_count = 0;
    r->tag_allowed = xhtml_element_allowed(name);
    r->content = r->content || str_is(name, "img");
    r->open[r->depth++] = name;
    for (;;) {
        const char *behind = r->at;
        skip_space(r);
        if (peek(r) == '>') {
            r->at++;
            tell_element(r, name, r->depth - 1);
            return true;
        }
        if (str_starts(rest_of(r), STR("/>"))) {
            r->at += 2;
            r->depth--;
            tell_element(r, name, r->depth);
            return true;
        }
        if (r->at == behind || !read_attribute(r, name))
            return false;
    }
}

static bool read_close_tag(Reader *r)
{
    if (r->depth == 0 || !str_starts(rest_of(r), r->open[r->depth - 1]))
        return false;
    r->at += r->open[--r->depth].len;
    skip_space(r); /* what else belongs to a name is no '>' */
    if (peek(r) != '>')
        return false;
    r->at++;
    return true;
}

static bool read_markup(Reader *r)
{
    Str rest = rest_of(r);
    if (rest.len < 2 || (rest.ptr[1] != '!' && rest.ptr[1] != '?')) {
        r->at++;
        if (peek(r) != '/')
            return read_open_tag(r);
        r->at++;
        return read_close_tag(r);
    }
    if (str_starts(rest, STR("<!--"))) {
        r->at += 4;
        return skip_to(r, STR("-->"));
    }
    if (str_starts(rest, STR("<![CDATA["))) {
        r->at += 9;
        return skip_to(r, STR("]]>"));
    }
    if (str_starts(rest, STR("<?"))) {
        r->at += 2;
        return skip_to(r, STR("?>"));
    }
    r->allowed = false; /* DOCTYPE */
    if (r->visitor && r->visitor->doctype)
        r->visitor->doctype(r->visitor->self);
    return skip_to(r, STR(">"));
}

/* Outside of the root only white space may stand. */
static bool read_text(Reader *r)
{
    if (r->depth == 0 || !r->content) {
        skip_space(r);
        if (peek(r) < 0 || *r->at == '<')
            return true;
        if (r->depth == 0)
            return false;
        r->content = true;
    }
    return read_until(r, '<', '<');
}

static bool read_all(Reader *r)
{
    for (int c; (c = peek(r)) >= 0;) {
        if (c != '<' ? !read_text(r) : !read_markup(r))
            return false;
    }
    return r->depth == 0 && r->root;
}

XhtmlVerdict xhtml_read(Str text, const XhtmlVisitor *visitor)
{
    Reader r;
    if (!text.ptr)
        text = STR("");
    r.at = text.ptr;
    r.end = text.ptr + text.len;
    r.depth = r.attribute_count = 0;
    r.visitor = visitor;
    r.root = r.content = false;
    r.allowed = true;
    bool well_formed = read_all(&r);
    return (XhtmlVerdict){.well_formed = well_formed,
                          .allowed = well_formed && r.allowed,
                          .content = well_formed && r.content};
}

XhtmlVerdict xhtml_check(Str text)
{
    return xhtml_read(text, NULL);
}

bool xhtml_allowed(Str text)
{
    return xhtml_check(text).allowed;
}

bool xhtml_has_content(Str text)
{
    return xhtml_check(text).content;
}
