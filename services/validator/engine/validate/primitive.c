/* Primitive values: is the text what its type demands, then what the profile adds.
 *
 * spec: hl7.org/fhir/R4/datatypes.html#primitive. The regular expressions of the types are matched
 * by hand; those of profiles by PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/fhir/datetime.h"
#include "common/fhir/decimal.h"
#include "services/validator/engine/validate/markup.h"
#include "services/validator/engine/validate/primitive.h"
#include "services/validator/engine/validate/walk.h"

#define RENDERING_XHTML "http://hl7.org/fhir/StructureDefinition/rendering-xhtml"

enum { STRING_CHARS_MAX = 1048576, MATCH_LIMIT = 200000, YEAR_MIN = 1800, YEARS_AHEAD = 80 };

/* --- texts ------------------------------------------------------------------------------------ */

static bool is_white(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_all_white(Str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_white(s.ptr[i]))
            return false;
    return true;
}

static bool has_white(Str s)
{
    size_t i = 0;
#ifdef __SSE2__
    const __m128i low = _mm_set1_epi8(0x20);
    for (; i + 16 <= s.len; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(s.ptr + i));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(bytes, low), bytes)) != 0)
            break; /* a byte up to a space: look closer */
    }
#endif
    for (; i < s.len; i++)
        if (is_white(s.ptr[i]))
            return true;
    return false;
}

/* Java's string length: UTF-16 units. */
static size_t utf16_length(Str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        n += (c & 0xC0) != 0x80;
        n += c >= 0xF0;
    }
    return n;
}

static bool text_error(Walk *walk, Message message, ElemId elem, Str text)
{
    report_with(walk, SEVERITY_ERROR, message, elem, text, STR_NONE, STR_NONE, STR_NONE);
    return false;
}

/* --- types ------------------------------------------------------------------------------------ */

static bool check_uri(Walk *walk, ElemId elem, FhirTypeId type, Str text)
{
    const FhirModel *m = walk->model;
    bool ok = true;
    if (str_starts(text, STR("oid:")))
        ok = text_error(walk, MSG_URI_OID, elem, text);
    if (str_starts(text, STR("uuid:")))
        ok = text_error(walk, MSG_URI_UUID, elem, text);
    bool blank_at_ends = text.len && (is_white(text.ptr[0]) || is_white(text.ptr[text.len - 1]));
    if (blank_at_ends || str_find_char(text, ' ') < text.len)
        ok = text_error(walk, MSG_URI_WHITE_SPACE, elem, text);
    if (type == m->oid_type && !str_starts(text, STR("urn:oid:")))
        ok = text_error(walk, MSG_OID_START, elem, text);
    if (type == m->uuid_type && !str_starts(text, STR("urn:uuid:")))
        ok = text_error(walk, MSG_UUID_START, elem, text);
    if (type == m->canonical_type && !str_starts(text, STR("#")) && !is_absolute_url(text))
        ok = text_error(walk, MSG_CANONICAL_ABSOLUTE, elem, text);
    if (str_starts(text, STR("urn:uuid:"))) {
        Str uuid = str_skip(text, 9);
        uuid = str_cut(uuid, 0, str_find_char(uuid, '#'));
        if (!is_uuid(uuid))
            ok = text_error(walk, MSG_UUID, elem, uuid);
    }
    if (str_starts(text, STR("urn:oid:")) && !is_oid(str_skip(text, 8)))
        ok = text_error(walk, MSG_OID, elem, str_skip(text, 8));
    return ok;
}

static bool check_string(Walk *walk, ElemId elem, Str text)
{
    if (is_all_white(text))
        report_with(walk, SEVERITY_WARNING, MSG_STRING_ALL_WHITE_SPACE, elem, STR_NONE, STR_NONE,
                    STR_NONE, STR_NONE);
    else if (is_white(text.ptr[0]) || is_white(text.ptr[text.len - 1]))
        report_with(walk, SEVERITY_WARNING, MSG_STRING_WHITE_SPACE, elem, STR_NONE, STR_NONE,
                    STR_NONE, STR_NONE);
    if (text.len > STRING_CHARS_MAX && utf16_length(text) > STRING_CHARS_MAX)
        return text_error(walk, MSG_STRING_LENGTH, elem, STR_NONE);
    return true;
}

static bool is_reasonable_year(Str text)
{
    uint64_t year;
    struct timespec now;
    if (!str_to_u64(str_cut(text, 0, text.len < 4 ? text.len : 4), &year))
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t this_year = 1970 + (uint64_t)now.tv_sec / 31556952;
    return year >= YEAR_MIN && year <= this_year + YEARS_AHEAD;
}

static bool has_zone(Str text)
{
    for (size_t i = 11; i < text.len; i++)
        if (text.ptr[i] == 'Z' || text.ptr[i] == '+' || text.ptr[i] == '-')
            return true;
    return false;
}

static bool warn_year(Walk *walk, ElemId elem, Str text)
{
    if (!is_reasonable_year(text))
        report_with(walk, SEVERITY_WARNING, MSG_DATE_TIME_REASONABLE, elem, text, STR_NONE,
                    STR_NONE, STR_NONE);
    return true;
}

/* Java's pattern for dateTime lets the zone be missing; that is another message. */
static bool check_date_time(Walk *walk, ElemId elem, Str text, bool core)
{
    DateTime value;
    DateTimeProblem why;
    if (datetime_parse_fhir(DATETIME_DATE_TIME, text, &value, &why))
        return warn_year(walk, elem, text);
    bool zoneless = text.len > 10 && text.ptr[10] == 'T' && !has_zone(text);
    Str zoned = zoneless ? arena_format(walk->arena, "%.*sZ", STR_ARG(text)) : text;
    if (!zoneless || !datetime_parse_fhir(DATETIME_DATE_TIME, zoned, &value, &why))
        return text_error(walk, MSG_DATE_TIME, elem, text);
    if (core)
        return text_error(walk, MSG_DATE_TIME_ZONE, elem, text);
    report_with(walk, SEVERITY_ERROR, MSG_TYPE_REGEX, elem, text, STR("dateTime"),
                STR("the form with a time zone"), STR_NONE);
    return false;
}

static bool check_date(Walk *walk, ElemId elem, Str text)
{
    DateTime value;
    if (!datetime_parse_fhir(DATETIME_DATE, text, &value, NULL))
        return text_error(walk, MSG_DATE, elem, text);
    return warn_year(walk, elem, text);
}

static bool check_instant(Walk *walk, ElemId elem, Str text)
{
    DateTime value;
    DateTimeProblem why;
    if (datetime_parse_fhir(DATETIME_INSTANT, text, &value, &why))
        return warn_year(walk, elem, text);
    bool formed = why == DATETIME_PROBLEM_DAY && str_find_char(text, 'T') < text.len;
    return text_error(walk, formed ? MSG_INSTANT_VALUE : MSG_INSTANT, elem, text);
}

static bool check_time(Walk *walk, ElemId elem, Str text)
{
    DateTime value;
    return datetime_parse_fhir(DATETIME_TIME, text, &value, NULL) ||
           text_error(walk, MSG_TIME, elem, text);
}

static bool check_base64(Walk *walk, ElemId elem, Str text)
{
    if (!is_base64(text))
        return text_error(walk, MSG_BASE64, elem, STR_NONE);
    for (size_t i = 0; i < text.len; i++)
        if (is_white(text.ptr[i])) {
            report(walk, SEVERITY_WARNING, MSG_BASE64_WHITE_SPACE, elem);
            break;
        }
    return true;
}

/* -2147483648 .. 2147483647, as written: the type's own pattern forbids leading zeros. */
static bool read_integer(Str text, int64_t *ret)
{
    bool negative = text.len && text.ptr[0] == '-';
    Str digits = negative ? str_skip(text, 1) : text;
    uint64_t n;
    if (digits.len == 0 || digits.len > 10 || !str_to_u64(digits, &n) ||
        n > (negative ? 2147483648U : 2147483647U))
        return false;
    *ret = negative ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool type_regex(Walk *walk, ElemId elem, Str text, const char *type, const char *regex)
{
    report_with(walk, SEVERITY_ERROR, MSG_TYPE_REGEX, elem, text, str_from(type), str_from(regex),
                STR_NONE);
    return false;
}

static bool check_integer(Walk *walk, ElemId elem, FhirTypeId type, Str text)
{
    const FhirModel *m = walk->model;
    int64_t value;
    if (!read_integer(text, &value))
        return text_error(walk, MSG_INTEGER, elem, text);
    bool ok = true;
    if (type == m->unsigned_int_type && value < 0)
        ok = text_error(walk, MSG_INTEGER_NEGATIVE, elem, text);
    if (type == m->positive_int_type && value <= 0)
        ok = text_error(walk, MSG_INTEGER_NOT_POSITIVE, elem, text);
    size_t zeros = text.ptr[0] == '-' ? 1 : 0;
    if (ok && text.ptr[zeros] == '0' && text.len > zeros + 1)
        return type_regex(walk, elem, text, "integer", "-?([0]|([1-9][0-9]*))");
    return ok;
}

static bool check_decimal(Walk *walk, ElemId elem, Str text)
{
    return decimal_is_fhir(text) || text_error(walk, MSG_DECIMAL, elem, text);
}

static bool check_code_form(Walk *walk, ElemId elem, Str text)
{
    bool last_white = true;
    if (text.len && !has_white(text))
        return true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_white(c) && (c != ' ' || last_white))
            return text_error(walk, MSG_CODE_WHITE_SPACE, elem, text);
        last_white = c == ' ';
    }
    return !last_white || text_error(walk, MSG_CODE_WHITE_SPACE, elem, text);
}

static bool check_no_white(Walk *walk, ElemId elem, Str text)
{
    if (has_white(text))
        return type_regex(walk, elem, text, "uri", "\\S*");
    return true;
}

/* --- the text against its type ------------------------------------------------------------------
 */

static bool check_form(Walk *walk, ElemId elem, FhirTypeId type, Str text, bool core)
{
    const FhirModel *m = walk->model;
    if (type == m->string_type)
        return check_string(walk, elem, text);
    if (type == m->code_type)
        return check_code_form(walk, elem, text);
    if (type == m->uri_type || type == m->url_type || type == m->canonical_type ||
        type == m->oid_type || type == m->uuid_type)
        return check_uri(walk, elem, type, text) && check_no_white(walk, elem, text);
    if (type == m->boolean_type)
        return str_is(text, "true") || str_is(text, "false") ||
               text_error(walk, MSG_BOOLEAN, elem, text);
    if (type == m->date_time_type)
        return check_date_time(walk, elem, text, core);
    if (type == m->date_type)
        return check_date(walk, elem, text);
    if (type == m->instant_type)
        return check_instant(walk, elem, text);
    if (type == m->time_type)
        return check_time(walk, elem, text);
    if (type == m->decimal_type)
        return check_decimal(walk, elem, text);
    if (type == m->integer_type || type == m->unsigned_int_type || type == m->positive_int_type)
        return check_integer(walk, elem, type, text);
    if (type == m->base64_binary_type)
        return check_base64(walk, elem, text);
    return true;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 && !is_white(c);
}

/* The first control character other than white space (or '<', when `tags`), or text.len. */
static inline size_t find_odd(Str text, bool tags)
{
    size_t i = 0;
#ifdef __SSE2__
    const __m128i low = _mm_set1_epi8(0x1F);
    const __m128i tag = _mm_set1_epi8(tags ? '<' : 0);
    for (; i + 16 <= text.len; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text.ptr + i));
        /* unsigned min(b, 31) = b: one of them is below 32 */
        __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(bytes, low), bytes),
                                   _mm_cmpeq_epi8(bytes, tag));
        if (_mm_movemask_epi8(odd) == 0)
            continue;
        for (size_t k = i; k < i + 16; k++)
            if (is_control(text.ptr[k]) || (tags && text.ptr[k] == '<'))
                return k;
    }
#endif
    for (; i < text.len; i++)
        if (is_control(text.ptr[i]) || (tags && text.ptr[i] == '<'))
            return i;
    return text.len;
}

/* Texts with tags: what somebody may show as HTML. */
static bool check_tags(Walk *walk, ElemId elem, FhirTypeId type, Str text)
{
    const FhirModel *m = walk->model;
    bool is_markdown = type == m->markdown_type;
    if (is_markdown && walk->rules & RULE_HTML_IN_MARKDOWN_FAILS && has_markdown_tags(text))
        return text_error(walk, MSG_HTML_IN_MARKDOWN, elem, STR_NONE);
    if (!has_html_tags(text))
        return true;
    if (walk->rules & RULE_HTML_IN_TEXT_FAILS)
        return text_error(walk, MSG_HTML_IN_TEXT_ERROR, elem, STR_NONE);
    ElemId parent = walk_elem(walk, elem)->parent;
    bool rendering = parent && walk_elem(walk, parent)->type == m->extension_type &&
                     str_is(walk_text(walk, parent, "url"), RENDERING_XHTML);
    if (!is_markdown && !rendering)
        report(walk, SEVERITY_INFORMATION, MSG_HTML_IN_TEXT, elem);
    return true;
}

static bool check_characters(Walk *walk, ElemId elem, FhirTypeId type, Str text)
{
    size_t at = find_odd(text, true);
    bool tagged = at < text.len && text.ptr[at] == '<';
    if (tagged)
        at += 1 + find_odd(str_skip(text, at + 1), false);
    if (at < text.len)
        report_with(walk, SEVERITY_WARNING, MSG_BAD_CHARACTERS, elem,
                    arena_format(walk->arena, "%x", (unsigned char)text.ptr[at]), STR_NONE,
                    STR_NONE, STR_NONE);
    return !tagged || type == walk->model->xhtml_type || check_tags(walk, elem, type, text);
}

/* --- what profiles add ------------------------------------------------------------------------ */

bool matches_regex(Str text, Str regex)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)regex.ptr, regex.len,
                      PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &offset, NULL);
    if (!compiled)
        return true; /* not ours to judge: the definition is wrong, not the resource */
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    int found = PCRE2_ERROR_NOMEMORY;
    if (data && context) {
        pcre2_set_match_limit(context, MATCH_LIMIT);
        found = pcre2_match(compiled, (PCRE2_SPTR)text.ptr, text.len, 0, 0, data, context);
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    pcre2_code_free(compiled);
    return found >= 0;
}

static bool check_bounds(Walk *walk, const SchemaFacets *facets, ElemId elem, FhirTypeId type,
                         Str text)
{
    const FhirModel *m = walk->model;
    Decimal value;
    Decimal bound;
    bool is_decimal = type == m->decimal_type;
    bool ok = true;
    if ((!is_decimal && !fhir_type_is_a(m, type, m->integer_type)) ||
        !decimal_parse(text, walk->arena, &value))
        return true;
    Str max = schema_text(walk->schema, walk->schema->values[facets->max_value].text);
    Str min = schema_text(walk->schema, walk->schema->values[facets->min_value].text);
    if (facets->max_value && decimal_parse(max, walk->arena, &bound) &&
        decimal_compare(value, bound) > 0)
        ok = text_error(walk, is_decimal ? MSG_DECIMAL_ABOVE : MSG_INTEGER_ABOVE, elem, max);
    if (facets->min_value && decimal_parse(min, walk->arena, &bound) &&
        decimal_compare(value, bound) < 0)
        ok = text_error(walk, is_decimal ? MSG_DECIMAL_BELOW : MSG_INTEGER_BELOW, elem, min);
    return ok;
}

static bool check_facets(Walk *walk, const SchemaFacets *facets, ElemId elem, FhirTypeId type,
                         Str text)
{
    bool ok = true;
    size_t length = utf16_length(text);
    if (facets->min_length && length < facets->min_length) {
        report_with(walk, SEVERITY_ERROR, MSG_TOO_SHORT, elem,
                    arena_format(walk->arena, "%zu", length),
                    arena_format(walk->arena, "%u", facets->min_length), STR_NONE, STR_NONE);
        ok = false;
    }
    if (facets->max_length && length > facets->max_length)
        ok = text_error(walk, MSG_TOO_LONG, elem,
                        arena_format(walk->arena, "%u", facets->max_length));
    Str regex = schema_text(walk->schema, facets->regex);
    if (regex.len && !matches_regex(text, regex)) {
        report_with(walk, SEVERITY_ERROR, MSG_REGEX, elem, text, regex, STR_NONE, STR_NONE);
        ok = false;
    }
    ok = check_bounds(walk, facets, elem, type, text) && ok;
    size_t dot = str_find_char(text, '.');
    if (facets->max_decimals_plus_1 && type == walk->model->decimal_type && dot < text.len &&
        text.len - dot - 1 >= facets->max_decimals_plus_1) {
        report_with(walk, SEVERITY_ERROR, MSG_DECIMAL_PLACES, elem,
                    arena_format(walk->arena, "%zu", text.len - dot - 1),
                    arena_format(walk->arena, "%u", facets->max_decimals_plus_1 - 1), STR_NONE,
                    STR_NONE);
        ok = false;
    }
    return ok;
}

static bool check_blank(Walk *walk, const SchemaNode *node, ElemId elem, Str text)
{
    bool children = walk_elem(walk, elem)->child_count > 0;
    bool ok = true;
    if (!children && !text.ptr)
        ok = text_error(walk, MSG_VALUE_OR_EXTENSION, elem, STR_NONE);
    else if (!children && text.len == 0)
        ok = text_error(walk, MSG_VALUE_EMPTY, elem, STR_NONE);
    else if (!children)
        report(walk, SEVERITY_WARNING, MSG_VALUE_WHITE_SPACE, elem);
    if (node->binding && walk->schema->bindings[node->binding].strength == BINDING_REQUIRED)
        ok = text_error(walk, MSG_CODE_MISSING, elem, STR_NONE);
    return ok;
}

/* spec: hl7.org/fhir/R4/references.html#canonical: what a resource calls itself */
static bool is_own_canonical(const Walk *walk, ElemId elem)
{
    const Elem *e = walk_elem(walk, elem);
    return e->property == walk->model->n_url && e->parent &&
           (walk_elem(walk, e->parent)->flags & ELEM_RESOURCE) &&
           fhir_child_find(walk->model, walk_elem(walk, e->parent)->type,
                           json_name_find(&walk->model->names, STR("experimental"))) != NULL;
}

static bool check_own_canonical(Walk *walk, ElemId elem, Str text)
{
    if (!is_own_canonical(walk, elem) || is_absolute_url(text))
        return true;
    bool contained = walk_elem(walk, walk_elem(walk, elem)->parent)->flags & ELEM_CONTAINED;
    return text_error(walk, contained ? MSG_CANONICAL_CONTAINED : MSG_CANONICAL_ABSOLUTE, elem,
                      text);
}

static bool is_known_url(const Walk *walk, Str url)
{
    return schema_find(walk->schema, url) ||
           terminology_system(walk->terminology, url) != TX_NONE ||
           terminology_value_set(walk->terminology, url) != TX_NONE;
}

/* spec: RFC 2606, RFC 9637 and the like keep these for documentation: nothing is behind them. */
static bool is_example_url(Str url)
{
    static const char *const hosts[] = {"example.org", "acme.com", "acme.org", "example.com",
                                        "example.net"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t at = str_find(url, str_from(hosts[i]));
        size_t behind = at == SIZE_MAX ? SIZE_MAX : at + strlen(hosts[i]);
        if (at != SIZE_MAX && (behind == url.len || url.ptr[behind] == '/'))
            return true;
    }
    return str_starts(url, STR("urn:oid:2.999.")) ||
           str_starts(url, STR("urn:oid:1.3.6.1.4.1.32473."));
}

/* Where real data is expected; what a resource calls itself is no reference. */
static bool check_example(Walk *walk, ElemId elem, FhirTypeId type, Str text)
{
    const FhirModel *m = walk->model;
    bool refers = type == m->uri_type || type == m->url_type || type == m->canonical_type;
    if (!refers || walk_elem(walk, elem)->property == m->n_full_url || !is_example_url(text) ||
        is_own_canonical(walk, elem) || is_known_url(walk, text))
        return true;
    return text_error(walk, MSG_EXAMPLE_URL, elem, text);
}

bool check_primitive(Walk *walk, const Scope *scope, const SchemaNode *node, ProfileId profile,
                     ElemId elem, FhirTypeId type)
{
    (void)scope;
    Elem *e = &walk->elems.items[elem];
    Str text = elem_text(e);
    if (is_all_white(text)) {
        if (type == walk->model->xhtml_type && text.ptr)
            (void)check_narrative(walk, elem);
        return check_blank(walk, node, elem, text);
    }
    bool core = walk->schema->profiles[profile].flags & PROFILE_CORE;
    bool ok = true;
    if (!(e->flags & ELEM_FORMAT_CLEAN)) {
        uint32_t before = walk->out->count;
        ok = check_characters(walk, elem, type, text);
        ok = check_form(walk, elem, type, text, core) && ok;
        ok = check_own_canonical(walk, elem, text) && ok;
        if (walk->rules & RULE_EXAMPLE_URL_FAILS)
            ok = check_example(walk, elem, type, text) && ok;
        if (type == walk->model->id_type && !(node->flags & NODE_HAS_BASE_ID) && !is_fhir_id(text))
            ok = text_error(walk, MSG_ID, elem, text);
        if (type == walk->model->xhtml_type)
            ok = check_narrative(walk, elem) && ok;
        if (walk->out->count == before && type == e->type)
            e->flags |= ELEM_FORMAT_CLEAN;
    }
    if (node->facets)
        ok = check_facets(walk, &walk->schema->facets[node->facets], elem, type, text) && ok;
    if (node->binding)
        ok = check_code(walk, node, elem, type) && ok;
    if (node->fixed || node->pattern)
        ok = check_fixed(walk, profile, node, elem) && ok;
    return ok;
}
