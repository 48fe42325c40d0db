#include "services/validator/engine/fhirpath/xhtml.h"

typedef struct Reader {
    Str text;
    size_t at;
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

/* Names in the order of their length: a look at one length's run tells. */
typedef struct Name {
    const char *text;
    uint32_t len;
} Name;
#define NAME(lit)                                                                                  \
    {                                                                                              \
        (lit), sizeof(lit) - 1                                                                     \
    }

/* spec: hl7.org/fhir/R4/narrative.html#rules; the list as the Java core has it. */
static const Name elements[] = {
    NAME("a"),       NAME("b"),        NAME("i"),          NAME("p"),       NAME("q"),
    NAME("br"),      NAME("dd"),       NAME("dl"),         NAME("dt"),      NAME("em"),
    NAME("h1"),      NAME("h2"),       NAME("h3"),         NAME("h4"),      NAME("h5"),
    NAME("h6"),      NAME("hr"),       NAME("li"),         NAME("ol"),      NAME("td"),
    NAME("th"),      NAME("tr"),       NAME("tt"),         NAME("ul"),      NAME("bdo"),
    NAME("big"),     NAME("col"),      NAME("dfn"),        NAME("div"),     NAME("img"),
    NAME("kbd"),     NAME("map"),      NAME("pre"),        NAME("sub"),     NAME("sup"),
    NAME("var"),     NAME("abbr"),     NAME("area"),       NAME("cite"),    NAME("code"),
    NAME("samp"),    NAME("span"),     NAME("small"),      NAME("table"),   NAME("tbody"),
    NAME("tfoot"),   NAME("thead"),    NAME("strong"),     NAME("acronym"), NAME("address"),
    NAME("caption"), NAME("colgroup"), NAME("blockquote"),
};
static const Name attributes[] = {
    NAME("id"),        NAME("dir"),       NAME("abbr"),    NAME("axis"),     NAME("char"),
    NAME("lang"),      NAME("span"),      NAME("align"),   NAME("class"),    NAME("scope"),
    NAME("style"),     NAME("title"),     NAME("width"),   NAME("valign"),   NAME("charoff"),
    NAME("colspan"),   NAME("headers"),   NAME("rowspan"), NAME("tabindex"), NAME("xml:lang"),
    NAME("accesskey"), NAME("xml:space"),
};
static const Name of_elements[] = {
    NAME("a.rel"),
    NAME("a.rev"),
    NAME("a.href"),
    NAME("a.name"),
    NAME("a.type"),
    NAME("q.cite"),
    NAME("a.shape"),
    NAME("img.alt"),
    NAME("img.src"),
    NAME("a.coords"),
    NAME("area.alt"),
    NAME("map.name"),
    NAME("a.charset"),
    NAME("area.href"),
    NAME("img.ismap"),
    NAME("img.width"),
    NAME("pre.space"),
    NAME("td.nowrap"),
    NAME("a.hreflang"),
    NAME("area.shape"),
    NAME("img.border"),
    NAME("img.height"),
    NAME("img.usemap"),
    NAME("area.coords"),
    NAME("area.nohref"),
    NAME("table.frame"),
    NAME("table.rules"),
    NAME("table.width"),
    NAME("img.longdesc"),
    NAME("table.border"),
    NAME("table.summary"),
    NAME("blockquote.cite"),
    NAME("table.cellpadding"),
    NAME("table.cellspacing"),
};

static bool listed(const Name *list, size_t count, Str name)
{
    size_t i = 0;
    while (i < count && list[i].len < name.len)
        i++;
    for (; i < count && list[i].len == name.len; i++)
        if (list[i].text[0] == name.ptr[0] && memcmp(list[i].text, name.ptr, name.len) == 0)
            return true;
    return false;
}
#define LISTED(list, name) listed((list), sizeof(list) / sizeof *(list), (name))

bool xhtml_attribute_allowed(Str element, Str name)
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

bool xhtml_element_allowed(Str name)
{
    return LISTED(elements, name);
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
    const char *from = r->text.ptr + r->at;
    const char *end = r->text.ptr + r->text.len;
    const char *at = from;
    while (at < end && is_name_char((unsigned char)*at))
        at++;
    r->at += (size_t)(at - from);
    *ret = (Str){from, (size_t)(at - from)};
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
    if (name.len == 0 || name.len > 16)
        return false;
    if (name.ptr[0] != '#')
        return bsearch(&name, entities, sizeof entities / sizeof *entities, sizeof *entities,
                       by_name) != NULL;
    bool hex = name.len > 1 && (name.ptr[1] == 'x' || name.ptr[1] == 'X');
    Str digits = str_skip(name, hex ? 2 : 1);
    for (size_t i = 0; i < digits.len; i++)
        if (!is_digit(digits.ptr[i], hex))
            return false;
    return digits.len > 0;
}

static bool references_known(Str text)
{
    for (size_t at; (at = str_find_char(text, '&')) < text.len;) {
        text = str_skip(text, at + 1);
        size_t end = str_find_char(text, ';');
        if (end == text.len || !is_reference(str_cut(text, 0, end)))
            return false;
    }
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
    Str rest = str_skip(r->text, r->at + 1);
    size_t len = str_find_char(rest, (char)quote);
    if (len == rest.len || memchr(rest.ptr, '<', len) || !references_known(str_cut(rest, 0, len)))
        return false;
    if (r->attribute_count < XHTML_ATTRIBUTES_MAX)
        r->attributes[r->attribute_count++] = (XhtmlAttribute){name, str_cut(rest, 0, len)};
    r->at += len + 2;
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
    r->tag_allowed = LISTED(elements, name);
    r->content = r->content || str_is(name, "img");
    r->open[r->depth++] = name;
    for (;;) {
        bool space = is_space(peek(r));
        skip_space(r);
        if (peek(r) == '>') {
            r->at++;
            tell_element(r, name, r->depth - 1);
            return true;
        }
        if (str_starts(str_skip(r->text, r->at), STR("/>"))) {
            r->at += 2;
            r->depth--;
            tell_element(r, name, r->depth);
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
        if (r->visitor && r->visitor->doctype)
            r->visitor->doctype(r->visitor->self);
        return skip_to(r, STR(">"));
    }
    r->at++;
    if (peek(r) == '/') {
        r->at++;
        return read_close_tag(r);
    }
    return read_open_tag(r);
}

/* Outside of the root only white space may stand. */
static bool read_text(Reader *r)
{
    Str rest = str_skip(r->text, r->at);
    size_t len = str_find_char(rest, '<');
    bool content = r->depth > 0 && r->content;
    for (size_t i = 0; i < len && !content; i++)
        content = !is_space((unsigned char)rest.ptr[i]);
    r->at += len;
    if (r->depth == 0)
        return !content;
    r->content = content;
    return references_known(str_cut(rest, 0, len));
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
    r.text = text;
    r.at = 0;
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
