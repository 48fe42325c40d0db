/* Narratives: what may stand in them, and where their links lead.
 * spec: hl7.org/fhir/R4/narrative.html#rules */
#include "services/validator/engine/fhirpath/xhtml.h"
#include "services/validator/engine/validate/walk.h"

enum { NO_PARAGRAPH = UINT32_MAX };

typedef struct Narrating {
    Walk *walk;
    ElemId elem; /* Narrative.div */
    Str text;
    uint32_t paragraph; /* depth of the innermost open p, or NO_PARAGRAPH */
    Str lang, xml_lang; /* of the root */
    bool ok;
} Narrating;

/* Counts what a fragment may mean in the markup itself. */
typedef struct Targets {
    Str id;
    uint32_t count;
} Targets;

static void find_target(void *self, uint32_t depth, Str name, const XhtmlAttribute *attributes,
                        uint32_t count)
{
    Targets *targets = self;
    (void)depth;
    for (uint32_t i = 0; i < count; i++) {
        bool names = str_is(attributes[i].name, "id") ||
                     (str_is(name, "a") && str_is(attributes[i].name, "name"));
        targets->count += names && str_eq(attributes[i].value, targets->id);
    }
}

/* Elements of the resource with that id. */
static uint32_t count_elements(const Walk *walk, ElemId elem, Str id)
{
    ElemId resource = walk_elem(walk, elem)->resource;
    uint32_t count = 0;
    for (ElemId at = resource + 1; at < walk_elem(walk, resource)->behind; at++) {
        const Elem *e = walk_elem(walk, at);
        count += e->property == walk->model->n_id && str_eq(elem_text(e), id);
    }
    return count;
}

static void complain(Narrating *n, IssueSeverity severity, Message message, Str a, Str b)
{
    report_with(n->walk, severity, message, n->elem, a, b, STR_NONE, STR_NONE);
    n->ok = n->ok && severity < SEVERITY_ERROR;
}

static bool is_one_of(Str text, const char *const *list)
{
    for (; *list; list++)
        if (str_is(text, *list))
            return true;
    return false;
}

static void check_link(Narrating *n, Str href)
{
    static const char *const active[] = {"javascript", "vbscript", NULL};
    static const char *const literal[] = {"urn", "cid", NULL};
    static const char *const usual[] = {"http", "https", "tel", "mailto", "data", NULL};
    if (str_trim(href).len == 0) {
        complain(n, SEVERITY_ERROR, MSG_XHTML_EMPTY_HREF, STR_NONE, STR_NONE);
        return;
    }
    if (href.ptr[0] == '#' && href.len > 1) {
        Targets targets = {.id = str_skip(href, 1)};
        XhtmlVisitor finder = {.self = &targets, .element = find_target};
        xhtml_read(n->text, &finder);
        uint32_t count = targets.count + count_elements(n->walk, n->elem, targets.id);
        if (count == 0)
            complain(n, SEVERITY_ERROR, MSG_XHTML_LINK_UNRESOLVED, href, STR_NONE);
        else if (count > 1)
            complain(n, SEVERITY_WARNING, MSG_XHTML_MANY_MATCHES, href, STR_NONE);
        return;
    }
    size_t colon = str_find_char(href, ':');
    if (colon == href.len || colon == 0)
        return;
    Str scheme = str_cut(href, 0, colon);
    if (is_one_of(scheme, active))
        complain(n, SEVERITY_ERROR, MSG_XHTML_ACTIVE_HREF, scheme, STR_NONE);
    else if (is_one_of(scheme, literal))
        complain(n, SEVERITY_ERROR, MSG_XHTML_LITERAL_HREF, scheme, STR_NONE);
    else if (is_absolute_url(href) && !is_one_of(scheme, usual))
        complain(n, SEVERITY_INFORMATION, MSG_XHTML_UNKNOWN_HREF, scheme, STR_NONE);
}

static void check_image(Narrating *n, Str src)
{
    if (src.len == 0 || src.ptr[0] != '#')
        return;
    uint32_t count = count_elements(n->walk, n->elem, str_skip(src, 1));
    if (count == 0)
        complain(n, SEVERITY_ERROR, MSG_XHTML_IMAGE_UNRESOLVED, src, STR_NONE);
    else if (count > 1)
        complain(n, SEVERITY_ERROR, MSG_XHTML_MANY_MATCHES, src, STR_NONE);
}

static void check_namespace(Narrating *n, bool root, const XhtmlAttribute *attributes,
                            uint32_t count)
{
    Str ns = STR_NONE;
    for (uint32_t i = 0; i < count; i++)
        if (str_is(attributes[i].name, "xmlns"))
            ns = attributes[i].value;
    if ((root || ns.ptr) && !str_is(ns, "http://www.w3.org/1999/xhtml"))
        complain(n, SEVERITY_ERROR, MSG_XHTML_NAMESPACE, ns.ptr ? ns : STR(""), STR_NONE);
}

static void check_root(Narrating *n, Str name, const XhtmlAttribute *attributes, uint32_t count)
{
    if (!str_is(name, "div"))
        complain(n, SEVERITY_ERROR, MSG_XHTML_ROOT, name, STR_NONE);
    for (uint32_t i = 0; i < count; i++) {
        if (str_is(attributes[i].name, "lang"))
            n->lang = attributes[i].value;
        else if (str_is(attributes[i].name, "xml:lang"))
            n->xml_lang = attributes[i].value;
    }
}

static void check_inner(Narrating *n, uint32_t depth, Str name, const XhtmlAttribute *attributes,
                        uint32_t count)
{
    static const char *const blocks[] = {"div", "blockquote", "table", "ol", "ul", "p", NULL};
    if (!xhtml_element_allowed(name))
        complain(n, SEVERITY_ERROR, MSG_XHTML_ELEMENT, name, STR_NONE);
    for (uint32_t i = 0; i < count; i++)
        if (!xhtml_attribute_allowed(name, attributes[i].name))
            complain(n, SEVERITY_ERROR, MSG_XHTML_ATTRIBUTE, attributes[i].name, name);
    if (n->paragraph != NO_PARAGRAPH && depth <= n->paragraph)
        n->paragraph = NO_PARAGRAPH;
    if (n->paragraph != NO_PARAGRAPH && is_one_of(name, blocks))
        complain(n, SEVERITY_ERROR, MSG_XHTML_ELEMENT_IN_PARA, name, STR_NONE);
    if (n->paragraph == NO_PARAGRAPH && str_is(name, "p"))
        n->paragraph = depth;
}

static void on_element(void *self, uint32_t depth, Str name, const XhtmlAttribute *attributes,
                       uint32_t count)
{
    Narrating *n = self;
    check_namespace(n, depth == 0, attributes, count);
    if (depth == 0)
        check_root(n, name, attributes, count);
    else
        check_inner(n, depth, name, attributes, count);
    for (uint32_t i = 0; i < count; i++) {
        if (str_is(name, "a") && str_is(attributes[i].name, "href"))
            check_link(n, attributes[i].value);
        else if (str_is(name, "img") && str_is(attributes[i].name, "src"))
            check_image(n, attributes[i].value);
    }
}

static void on_doctype(void *self)
{
    complain(self, SEVERITY_ERROR, MSG_XHTML_DOCTYPE, STR_NONE, STR_NONE);
}

static void report_language(Narrating *n, Message message, Str language, Str lang)
{
    ElemId resource = walk_elem(n->walk, n->elem)->resource;
    Finding *finding = report_with(n->walk, SEVERITY_WARNING, message, resource, language, lang,
                                   STR_NONE, STR_NONE);
    if (finding)
        finding->at = elem_offset(walk_elem(n->walk, n->elem));
}

/* A resource that names its language should have a narrative in it. */
static void check_language(Narrating *n)
{
    Str language = walk_text(n->walk, walk_elem(n->walk, n->elem)->resource, "language");
    if (!language.ptr)
        return;
    if (!n->lang.ptr && !n->xml_lang.ptr) {
        report_language(n, MSG_LANG_MISSING, language, STR_NONE);
        return;
    }
    if (!n->lang.ptr)
        report_language(n, MSG_LANG_MISSING_LANG, language, STR_NONE);
    else if (!str_eq(n->lang, language))
        report_language(n, MSG_LANG_DIFFERENT, language, n->lang);
    if (!n->xml_lang.ptr)
        report_language(n, MSG_LANG_MISSING_XML, language, STR_NONE);
    else if (!str_eq(n->xml_lang, language))
        report_language(n, MSG_LANG_DIFFERENT_XML, language, n->xml_lang);
}

bool check_narrative(Walk *walk, ElemId elem)
{
    Narrating narrating = {.walk = walk,
                           .elem = elem,
                           .text = elem_text(walk_elem(walk, elem)),
                           .paragraph = NO_PARAGRAPH,
                           .ok = true};
    XhtmlVerdict well = xhtml_check(narrating.text);
    walk->narrative = elem;
    walk->narrative_verdict = well;
    if (!well.well_formed) {
        Finding *finding = report(walk, SEVERITY_ERROR, MSG_XHTML_SYNTAX, elem);
        if (finding)
            finding->path = FINDING_PATH_PLAIN;
        return false;
    }
    XhtmlVisitor visitor = {.self = &narrating, .element = on_element, .doctype = on_doctype};
    xhtml_read(narrating.text, &visitor);
    check_language(&narrating);
    return narrating.ok;
}
