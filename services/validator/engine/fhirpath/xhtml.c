#include "services/validator/engine/fhirpath/xhtml.h"

typedef struct Reader {
    Str text;
    size_t at;
    Str open[XHTML_DEPTH_MAX];
    uint32_t depth;
    bool content;
    bool allowed;
} Reader;

/* spec: hl7.org/fhir/R4/narrative.html#rules; the list as the Java core has it. */
static const char *const elements[] = {
    "p",   "br",    "div",   "h1",      "h2",         "h3",      "h4",    "h5",   "h6",
    "a",   "span",  "b",     "em",      "i",          "strong",  "small", "big",  "tt",
    "dfn", "q",     "var",   "abbr",    "acronym",    "cite",    "hr",    "sub",  "sup",
    "bdo", "kbd",   "ul",    "ol",      "blockquote", "address", "li",    "dl",   "dt",
    "dd",  "pre",   "table", "caption", "colgroup",   "col",     "thead", "tr",   "tfoot",
    "th",  "tbody", "td",    "code",    "samp",       "img",     "map",   "area",
};
static const char *const attributes[] = {
    "title",     "style",    "class",   "id",    "lang",    "xml:lang", "xml:space", "dir",
    "accesskey", "tabindex", "span",    "width", "align",   "valign",   "char",      "charoff",
    "abbr",      "axis",     "headers", "scope", "rowspan", "colspan",
};
static const char *const of_elements[] = {
    "a.href",
    "a.name",
    "a.charset",
    "a.type",
    "a.hreflang",
    "a.rel",
    "a.rev",
    "a.shape",
    "a.coords",
    "img.src",
    "img.border",
    "img.alt",
    "img.longdesc",
    "img.height",
    "img.width",
    "img.usemap",
    "img.ismap",
    "blockquote.cite",
    "q.cite",
    "map.name",
    "area.shape",
    "area.coords",
    "area.href",
    "area.nohref",
    "area.alt",
    "table.summary",
    "table.width",
    "table.border",
    "table.frame",
    "table.rules",
    "table.cellspacing",
    "table.cellpadding",
    "pre.space",
    "td.nowrap",
};

static bool listed(const char *const *list, size_t count, Str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_is(name, list[i]))
            return true;
    return false;
}
#define LISTED(list, name) listed((list), sizeof(list) / sizeof *(list), (name))

static bool attribute_allowed(Str element, Str name)
{
    char both[64];
    if (str_starts(name, STR("xmlns")) || LISTED(attributes, name))
        return true;
    if (element.len + name.len + 1 >= sizeof both)
        return false;
    memcpy(both, element.ptr, element.len);
    both[element.len] = '.';
    memcpy(both + element.len + 1, name.ptr, name.len);
    return LISTED(of_elements, ((Str){both, element.len + 1 + name.len}));
}

static int peek(const Reader *r)
{
    return r->at < r->text.len ? (unsigned char)r->text.ptr[r->at] : -1;
}
static bool is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
static void skip_space(Reader *r)
{
    while (is_space(peek(r)))
        r->at++;
}

static bool is_name_char(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
           c == '_' || c == '-' || c == '.' || c >= 0x80;
}

static bool read_name(Reader *r, Str *ret)
{
    size_t from = r->at;
    while (is_name_char(peek(r)))
        r->at++;
    *ret = str_cut(r->text, from, r->at);
    return ret->len > 0;
}

static bool skip_to(Reader *r, Str end)
{
    size_t found = str_find(str_skip(r->text, r->at), end);
    if (found == SIZE_MAX)
        return false;
    r->at += found + end.len;
    return true;
}

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
    for (r->at++; peek(r) != quote; r->at++)
        if (peek(r) < 0 || peek(r) == '<')
            return false;
    r->at++;
    r->allowed = r->allowed && attribute_allowed(element, name);
    return true;
}

static bool read_open_tag(Reader *r)
{
    Str name;
    if (!read_name(r, &name) || r->depth == XHTML_DEPTH_MAX)
        return false;
    r->allowed = r->allowed && LISTED(elements, name);
    r->content = r->content || str_is(name, "img");
    r->open[r->depth++] = name;
    for (;;) {
        bool space = is_space(peek(r));
        skip_space(r);
        if (peek(r) == '>') {
            r->at++;
            return true;
        }
        if (str_starts(str_skip(r->text, r->at), STR("/>"))) {
            r->at += 2;
            r->depth--;
            return true;
        }
        if (!space || !read_attribute(r, name))
            return false;
    }
}

static bool read_close_tag(Reader *r)
{
    Str name;
    if (!read_name(r, &name) || r->depth == 0 || !str_eq(r->open[r->depth - 1], name))
        return false;
    r->depth--;
    skip_space(r);
    if (peek(r) != '>')
        return false;
    r->at++;
    return true;
}

static bool read_markup(Reader *r)
{
    Str rest = str_skip(r->text, r->at);
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
    if (str_starts(rest, STR("<!"))) {
        r->allowed = false; /* DOCTYPE */
        return skip_to(r, STR(">"));
    }
    r->at++;
    if (peek(r) == '/') {
        r->at++;
        return read_close_tag(r);
    }
    return read_open_tag(r);
}

static bool read_text(Reader *r)
{
    for (int c; (c = peek(r)) >= 0 && c != '<'; r->at++)
        r->content = r->content || !is_space(c);
    return true;
}

static bool read_all(Reader *r)
{
    while (peek(r) >= 0)
        if (!(peek(r) == '<' ? read_markup(r) : read_text(r)))
            return false;
    return r->depth == 0;
}

bool xhtml_allowed(Str text)
{
    Reader r = {.text = text, .allowed = true};
    return read_all(&r) && r.allowed;
}

bool xhtml_has_content(Str text)
{
    Reader r = {.text = text, .allowed = true};
    return read_all(&r) && r.content;
}
