/* Narratives: what may stand in them, and where their links lead.
 * spec: hl7.org/fhir/R4/narrative.html#rules */
#include "services/validator/engine/fhirpath/xhtml.h"
#include "services/validator/engine/validate/ids.h"
#include "services/validator/engine/validate/walk.h"

enum { NO_PARAGRAPH = UINT32_MAX };

typedef struct Narrating {
    Walk *walk;
    ElemId elem; /* Narrative.div */
    Str text;
    uint32_t paragraph; /* depth of the innermost open p, or NO_PARAGRAPH */
    Str lang, xml_lang; /* of the root */
    IdTable targets;    /* what links may mean in the markup */
    bool has_targets;
    bool ok;
} Narrating;

/* What a fragment may mean in the markup itself. */
static void add_target(void *self, const XhtmlTag *tag)
{
    Narrating *n = self;
    for (uint32_t i = 0; i < tag->attribute_count; i++) {
        const XhtmlAttribute *attribute = &tag->attributes[i];
        if (str_is(attribute->name, "id") ||
            (str_is(tag->name, "a") && str_is(attribute->name, "name")))
            ids_add(n->walk, &n->targets, attribute->value, 0);
    }
}

/* One more reading for all links of the narrative. */
static uint32_t count_targets(Narrating *n, Str id)
{
    uint32_t count;
    if (!n->has_targets) {
        XhtmlVisitor finder = {.self = n, .element = add_target};
        xhtml_read(n->text, &finder);
        ids_sort(&n->targets);
        n->has_targets = true;
    }
    ids_find(&n->targets, id, &count);
    return count;
}

const IdTable *element_ids(Walk *walk, ElemId resource)
{
    IdTable *table = memo_get(walk->indexes, resource, INDEX_ELEMENTS);
    if (table)
        return table;
    table = ARENA_NEW(walk->arena, IdTable);
    if (!table || !memo_put(walk->indexes, resource, INDEX_ELEMENTS, table)) {
        walk->stopped = true;
        return NULL;
    }
    for (ElemId at = resource + 1; at < walk_elem(walk, resource)->behind; at++)
        if (walk_elem(walk, at)->property == walk->model->n_id)
            ids_add(walk, table, elem_text(walk_elem(walk, at)), at);
    ids_sort(table);
    return table;
}

/* Elements of the resource with that id. */
static uint32_t count_elements(Walk *walk, ElemId elem, Str id)
{
    uint32_t count = 0;
    const IdTable *ids = element_ids(walk, walk_elem(walk, elem)->resource);
    if (ids)
        ids_find(ids, id, &count);
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
        Str id = str_skip(href, 1);
        uint32_t count = count_targets(n, id) + count_elements(n->walk, n->elem, id);
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

static inline Str attribute(const XhtmlTag *tag, Str name)
{
    for (uint32_t i = 0; i < tag->attribute_count; i++)
        if (str_eq(tag->attributes[i].name, name))
            return tag->attributes[i].value;
    return STR_NONE;
}

static void check_namespace(Narrating *n, const XhtmlTag *tag)
{
    Str ns = attribute(tag, STR("xmlns"));
    if ((tag->depth == 0 || ns.ptr) && !str_is(ns, "http://www.w3.org/1999/xhtml"))
        complain(n, SEVERITY_ERROR, MSG_XHTML_NAMESPACE, ns.ptr ? ns : STR(""), STR_NONE);
}

static void check_root(Narrating *n, const XhtmlTag *tag)
{
    if (!str_is(tag->name, "div"))
        complain(n, SEVERITY_ERROR, MSG_XHTML_ROOT, tag->name, STR_NONE);
    n->lang = attribute(tag, STR("lang"));
    n->xml_lang = attribute(tag, STR("xml:lang"));
}

static void check_inner(Narrating *n, const XhtmlTag *tag)
{
    static const char *const blocks[] = {"div", "blockquote", "table", "ol", "ul", "p", NULL};
    if (!tag->allowed && !xhtml_element_allowed(tag->name))
        complain(n, SEVERITY_ERROR, MSG_XHTML_ELEMENT, tag->name, STR_NONE);
    for (uint32_t i = 0; !tag->allowed && i < tag->attribute_count; i++)
        if (!xhtml_attribute_allowed(tag->name, tag->attributes[i].name))
            complain(n, SEVERITY_ERROR, MSG_XHTML_ATTRIBUTE, tag->attributes[i].name, tag->name);
    if (n->paragraph != NO_PARAGRAPH && tag->depth <= n->paragraph)
        n->paragraph = NO_PARAGRAPH;
    if (n->paragraph != NO_PARAGRAPH && is_one_of(tag->name, blocks))
        complain(n, SEVERITY_ERROR, MSG_XHTML_ELEMENT_IN_PARA, tag->name, STR_NONE);
    if (n->paragraph == NO_PARAGRAPH && str_is(tag->name, "p"))
        n->paragraph = tag->depth;
}

static void on_element(void *self, const XhtmlTag *tag)
{
    Narrating *n = self;
    check_namespace(n, tag);
    if (tag->depth == 0)
        check_root(n, tag);
    else
        check_inner(n, tag);
    Str href = str_is(tag->name, "a") ? attribute(tag, STR("href")) : STR_NONE;
    if (href.ptr)
        check_link(n, href);
    Str src = str_is(tag->name, "img") ? attribute(tag, STR("src")) : STR_NONE;
    if (src.ptr)
        check_image(n, src);
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

/* Of what is not well-formed nothing more is said. */
static void read_all(Narrating *n)
{
    Walk *walk = n->walk;
    XhtmlVisitor visitor = {.self = n, .element = on_element, .doctype = on_doctype};
    walk->narrative_verdict = xhtml_read(n->text, &visitor);
    if (walk->narrative_verdict.well_formed) {
        check_language(n);
        return;
    }
    walk->out->count = walk->out->errors = 0;
    n->ok = false;
    Finding *finding = report(walk, SEVERITY_ERROR, MSG_XHTML_SYNTAX, n->elem);
    if (finding)
        finding->path = FINDING_PATH_PLAIN;
}

/* One reading serves txt-1, txt-2 and check_narrative(): what is found waits until that asks. */
static void read_narrative(Walk *walk, ElemId elem)
{
    Narrating narrating = {.walk = walk,
                           .elem = elem,
                           .text = elem_text(walk_elem(walk, elem)),
                           .paragraph = NO_PARAGRAPH,
                           .ok = true};
    Findings *out = walk->out;
    walk->narrative_findings = (Findings){0};
    walk->out = &walk->narrative_findings;
    read_all(&narrating);
    walk->out = out;
    walk->narrative = elem;
    walk->narrative_ok = narrating.ok;
    walk->narrative_waits = true;
}

XhtmlVerdict narrative_verdict(Walk *walk, ElemId elem)
{
    if (walk->narrative != elem)
        read_narrative(walk, elem);
    return walk->narrative_verdict;
}

bool check_narrative(Walk *walk, ElemId elem)
{
    if (walk->narrative != elem || !walk->narrative_waits)
        read_narrative(walk, elem);
    walk->narrative_waits = false;
    const Findings *found = &walk->narrative_findings;
    for (uint32_t i = 0; i < found->count; i++) {
        Finding *finding = arena_alloc(walk->arena, sizeof *finding);
        if (!finding)
            break;
        *finding = *found->items[i];
        finding->sequence = walk->sequence++; /* behind the invariants of the element */
        findings_add(walk, walk->out, finding);
    }
    return walk->narrative_ok;
}
