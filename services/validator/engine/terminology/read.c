#include "services/validator/engine/terminology/format.h"

#include <xxhash.h>

/* --- reaching rows --- */

static const TxHeader *header_of(const Terminology *tx)
{
    return (const TxHeader *)(const void *)tx->base;
}

static const void *span(const Terminology *tx, TxSpan s)
{
    return tx->base + s.at;
}

static Str text_of(const Terminology *tx, TxText text)
{
    return (Str){tx->base + header_of(tx)->pool.at + text.at, text.len};
}

static const TxSystemRow *system_row(const Terminology *tx, TxSystem system)
{
    return (const TxSystemRow *)span(tx, header_of(tx)->systems) + system;
}

static const TxSetRow *set_row(const Terminology *tx, TxValueSet set)
{
    return (const TxSetRow *)span(tx, header_of(tx)->sets) + set;
}

static const TxCodeRow *code_rows(const Terminology *tx)
{
    return span(tx, header_of(tx)->codes);
}

/* Codes are many: half a million would cost a start its milliseconds and its pages. Their offsets
 * are checked where they are used, all others once, by terminology_open. */
static Str checked_text(const Terminology *tx, uint32_t at, uint32_t len)
{
    uint32_t pool = header_of(tx)->pool.count;
    return at <= pool && len <= pool - at ? text_of(tx, (TxText){at, len}) : (Str){"", 0};
}

static Str code_text(const Terminology *tx, const TxCodeRow *row)
{
    return checked_text(tx, row->text_at, row->text_len);
}

static Str code_display(const Terminology *tx, const TxCodeRow *row)
{
    return checked_text(tx, row->display_at, row->display_len);
}

uint64_t tx_hash_folded(Str code)
{
    char folded[64];
    if (code.len > sizeof folded) { /* long codes: by their beginning and length */
        code.len = sizeof folded;
    }
    for (size_t i = 0; i < code.len; i++) {
        char c = code.ptr[i];
        folded[i] = c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
    }
    return XXH3_64bits(folded, code.len);
}

/* --- opening --- */

static bool span_fits(const TxHeader *h, TxSpan s, size_t row_bytes)
{
    return s.at % 4 == 0 && s.at <= h->bytes && (uint64_t)s.count * row_bytes <= h->bytes - s.at;
}

static bool text_fits(const TxHeader *h, TxText text)
{
    return text.at <= h->pool.count && text.len <= h->pool.count - text.at;
}

static bool is_power_of_two(uint32_t n)
{
    return n >= 2 && (n & (n - 1)) == 0;
}

/* A search ends at a free slot: there must be one. */
static bool slots_fit(const uint32_t *slots, uint32_t count, uint32_t limit)
{
    uint32_t used = 0;
    if (!is_power_of_two(count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        used += slots[i] != 0;
        if (slots[i] > limit)
            return false;
    }
    return used < count;
}

static bool system_fits(const Terminology *tx, const TxSystemRow *s)
{
    const TxHeader *h = header_of(tx);
    if (!text_fits(h, s->url) || !text_fits(h, s->version) || !text_fits(h, s->name) ||
        s->content > TX_CONTENT_GRAMMAR || s->grammar > TX_GRAMMAR_MIME ||
        s->first_code > h->codes.count || s->code_count > h->codes.count - s->first_code ||
        s->code_count > TX_CODES_MAX || s->first_slot > h->code_slots.count ||
        s->slot_count > h->code_slots.count - s->first_slot)
        return false;
    return is_power_of_two(s->slot_count);
}

static bool set_fits(const Terminology *tx, const TxSetRow *s)
{
    const TxHeader *h = header_of(tx);
    return text_fits(h, s->url) && text_fits(h, s->version) && text_fits(h, s->title) &&
           s->special <= TX_SPECIAL_USPS &&
           (s->only_system == TX_NONE || s->only_system < h->systems.count) &&
           s->first_part <= h->parts.count && s->part_count <= h->parts.count - s->first_part;
}

static bool part_fits(const Terminology *tx, const TxPart *p)
{
    const TxHeader *h = header_of(tx);
    if (p->system >= h->systems.count || p->kind > TX_PART_BITMAP ||
        p->first_word > h->words.count || p->word_count > h->words.count - p->first_word)
        return false;
    return p->kind != TX_PART_BITMAP ||
           (uint64_t)p->word_count * 32 >= system_row(tx, p->system)->code_count;
}

static bool spans_fit(const TxHeader *h)
{
    return span_fits(h, h->systems, sizeof(TxSystemRow)) &&
           span_fits(h, h->sets, sizeof(TxSetRow)) && span_fits(h, h->names, sizeof(TxName)) &&
           span_fits(h, h->system_slots, 4) && span_fits(h, h->set_slots, 4) &&
           span_fits(h, h->codes, sizeof(TxCodeRow)) && span_fits(h, h->code_slots, 4) &&
           span_fits(h, h->parts, sizeof(TxPart)) && span_fits(h, h->words, 4) &&
           span_fits(h, h->designations, sizeof(TxDesignation)) && span_fits(h, h->pool, 1);
}

static bool names_fit(const Terminology *tx)
{
    const TxHeader *h = header_of(tx);
    const TxName *names = span(tx, h->names);
    uint32_t limit = h->systems.count > h->sets.count ? h->systems.count : h->sets.count;
    for (uint32_t i = 0; i < h->names.count; i++)
        if (!text_fits(h, names[i].text) || names[i].index >= limit)
            return false;
    return slots_fit(span(tx, h->system_slots), h->system_slots.count, h->names.count) &&
           slots_fit(span(tx, h->set_slots), h->set_slots.count, h->names.count);
}

static bool rows_fit(const Terminology *tx)
{
    const TxHeader *h = header_of(tx);
    for (uint32_t i = 0; i < h->systems.count; i++)
        TRY(system_fits(tx, system_row(tx, i)));
    for (uint32_t i = 0; i < h->sets.count; i++)
        TRY(set_fits(tx, set_row(tx, i)));
    const TxPart *parts = span(tx, h->parts);
    for (uint32_t i = 0; i < h->parts.count; i++)
        TRY(part_fits(tx, &parts[i]));
    const TxDesignation *designations = span(tx, h->designations);
    for (uint32_t i = 0; i < h->designations.count; i++)
        if (!text_fits(h, designations[i].text))
            return false;
    return names_fit(tx);
}

bool terminology_open(Str bytes, Terminology *ret_terminology, Err *err)
{
    Terminology tx = {bytes.ptr, bytes.len};
    const TxHeader *h = header_of(&tx);
    if (bytes.len < sizeof *h || (uintptr_t)bytes.ptr % 8 || memcmp(h->magic, TX_MAGIC, 8) != 0 ||
        h->byte_order != TX_BYTE_ORDER || h->bytes > bytes.len || !spans_fit(h) || !rows_fit(&tx))
        return ERR(err, ERR_INPUT, "terminology-damaged", "the terminology section is damaged");
    *ret_terminology = tx;
    return true;
}

bool terminology_has_binding(const Terminology *tx, const TxBinding *binding)
{
    uint32_t count = header_of(tx)->sets.count;
    return (binding->set == TX_NONE || binding->set < count) &&
           (binding->max_set == TX_NONE || binding->max_set < count) &&
           binding->strength <= TX_REQUIRED;
}

/* --- systems and sets by name --- */

static uint32_t find_name(const Terminology *tx, TxSpan slot_span, Str key, uint32_t limit)
{
    const TxHeader *h = header_of(tx);
    const uint32_t *slots = span(tx, slot_span);
    const TxName *names = span(tx, h->names);
    uint32_t mask = slot_span.count - 1;
    for (uint32_t i = (uint32_t)str_hash(key) & mask; slots[i]; i = (i + 1) & mask) {
        const TxName *name = &names[slots[i] - 1];
        if (str_eq(text_of(tx, name->text), key))
            return name->index < limit ? name->index : TX_NONE;
    }
    return TX_NONE;
}

static Str without_version(Str url)
{
    return str_cut(url, 0, str_find_char(url, '|'));
}

TxSystem terminology_system(const Terminology *tx, Str url)
{
    const TxHeader *h = header_of(tx);
    if (!url.ptr)
        return TX_NONE;
    TxSystem found = find_name(tx, h->system_slots, url, h->systems.count);
    Str bare = without_version(url);
    return found == TX_NONE && bare.len < url.len
               ? find_name(tx, h->system_slots, bare, h->systems.count)
               : found;
}

TxValueSet terminology_value_set(const Terminology *tx, Str canonical)
{
    const TxHeader *h = header_of(tx);
    if (str_is(canonical, "http://www.rfc-editor.org/bcp/bcp13.txt"))
        canonical = STR("http://hl7.org/fhir/ValueSet/mimetypes");
    if (!canonical.ptr)
        return TX_NONE;
    TxValueSet found = find_name(tx, h->set_slots, canonical, h->sets.count);
    Str bare = without_version(canonical);
    bool lax = bare.len < canonical.len && (str_starts(bare, STR("http://hl7.org")) ||
                                            str_starts(bare, STR("http://terminology.hl7.org")));
    return found == TX_NONE && lax ? find_name(tx, h->set_slots, bare, h->sets.count) : found;
}

TxContent terminology_system_content(const Terminology *tx, TxSystem system)
{
    return system == TX_NONE ? TX_CONTENT_UNKNOWN : (TxContent)system_row(tx, system)->content;
}

Str terminology_system_url(const Terminology *tx, TxSystem system)
{
    return text_of(tx, system_row(tx, system)->url);
}

Str terminology_system_version(const Terminology *tx, TxSystem system)
{
    return text_of(tx, system_row(tx, system)->version);
}

Str terminology_system_name(const Terminology *tx, TxSystem system)
{
    return text_of(tx, system_row(tx, system)->name);
}

bool terminology_system_case_sensitive(const Terminology *tx, TxSystem system)
{
    return system_row(tx, system)->case_sensitive;
}

Str terminology_value_set_url(const Terminology *tx, TxValueSet set)
{
    return text_of(tx, set_row(tx, set)->url);
}

Str terminology_value_set_version(const Terminology *tx, TxValueSet set)
{
    return text_of(tx, set_row(tx, set)->version);
}

Str terminology_value_set_title(const Terminology *tx, TxValueSet set)
{
    return text_of(tx, set_row(tx, set)->title);
}

/* --- codes --- */

static uint32_t find_code(const Terminology *tx, const TxSystemRow *system, Str code, bool exact)
{
    const uint32_t *slots =
        (const uint32_t *)span(tx, header_of(tx)->code_slots) + system->first_slot;
    const TxCodeRow *rows = code_rows(tx) + system->first_code;
    uint64_t hash = system->case_sensitive ? str_hash(code) : tx_hash_folded(code);
    uint32_t mask = system->slot_count - 1, tag = (uint32_t)(hash >> 56), i = (uint32_t)hash & mask;
    for (uint32_t probes = 0; slots[i] && probes <= mask; probes++, i = (i + 1) & mask) {
        uint32_t ordinal = (slots[i] & TX_ORDINAL_MASK) - 1;
        if (slots[i] >> 24 != tag || ordinal >= system->code_count)
            continue;
        Str have = code_text(tx, &rows[ordinal]);
        if (system->case_sensitive || exact ? str_eq(have, code) : str_eq_ignore_case(have, code))
            return ordinal;
    }
    return TX_NONE;
}

static TxAnswer code_in_system(const Terminology *tx, const TxSystemRow *system, Str code,
                               bool exact)
{
    uint32_t ordinal;
    switch ((TxContent)system->content) {
    case TX_CONTENT_GRAMMAR:
        return tx_grammar_accepts((TxGrammar)system->grammar, code) ? TX_YES : TX_UNKNOWN_CODE;
    case TX_CONTENT_UNKNOWN:
    case TX_CONTENT_NOT_PRESENT:
        return TX_UNKNOWN_SYSTEM;
    default:
        ordinal = find_code(tx, system, code, exact);
        if (ordinal != TX_NONE &&
            (code_rows(tx)[system->first_code + ordinal].flags & TX_CODE_DEFINED))
            return TX_YES;
        return system->content == TX_CONTENT_FRAGMENT ? TX_UNKNOWN_IN_FRAGMENT : TX_UNKNOWN_CODE;
    }
}

TxAnswer tx_code(const Terminology *tx, TxSystem found, Str code, bool exact)
{
    return found == TX_NONE ? TX_UNKNOWN_SYSTEM
                            : code_in_system(tx, system_row(tx, found), code, exact);
}

TxAnswer terminology_code(const Terminology *tx, Str system, Str code)
{
    return tx_code(tx, terminology_system(tx, system), code, false);
}

static const TxCodeRow *find_row(const Terminology *tx, Str system, Str code)
{
    TxSystem found = terminology_system(tx, system);
    if (found == TX_NONE)
        return NULL;
    const TxSystemRow *row = system_row(tx, found);
    uint32_t ordinal = find_code(tx, row, code, false);
    return ordinal == TX_NONE ? NULL : &code_rows(tx)[row->first_code + ordinal];
}

bool terminology_lookup(const Terminology *tx, Str system, Str code, TxCode *ret_code)
{
    const TxCodeRow *row = find_row(tx, system, code);
    if (!row)
        return false;
    *ret_code = (TxCode){.code = code_text(tx, row),
                         .display = code_display(tx, row),
                         .is_abstract = row->flags & TX_CODE_ABSTRACT,
                         .is_inactive = row->flags & TX_CODE_INACTIVE};
    return true;
}

/* Equal but for letter case and runs of white space. */
static bool same_words(Str a, Str b)
{
    a = str_trim(a);
    b = str_trim(b);
    while (a.len && b.len) {
        size_t space_a = str_find_char(a, ' '), space_b = str_find_char(b, ' ');
        if (!str_eq_ignore_case(str_cut(a, 0, space_a), str_cut(b, 0, space_b)))
            return false;
        a = str_trim(str_skip(a, space_a));
        b = str_trim(str_skip(b, space_b));
    }
    return a.len == b.len;
}

static bool designation_is(const Terminology *tx, uint32_t code, Str display)
{
    const TxHeader *h = header_of(tx);
    const TxDesignation *all = span(tx, h->designations);
    uint32_t low = 0, high = h->designations.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (all[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < h->designations.count && all[low].code == code; low++)
        if (same_words(text_of(tx, all[low].text), display))
            return true;
    return false;
}

bool terminology_display_ok(const Terminology *tx, Str system, Str code, Str display)
{
    const TxCodeRow *row = find_row(tx, system, code);
    if (!row || (row->display_len == 0 && !(row->flags & TX_CODE_DESIGNATED)))
        return true;
    if (same_words(code_display(tx, row), display))
        return true;
    return (row->flags & TX_CODE_DESIGNATED) &&
           designation_is(tx, (uint32_t)(row - code_rows(tx)), display);
}

TxAnswer terminology_subsumed(const Terminology *tx, Str system, Str code, Str ancestor)
{
    TxSystem found = terminology_system(tx, system);
    if (found == TX_NONE)
        return TX_UNKNOWN_SYSTEM;
    const TxSystemRow *row = system_row(tx, found);
    TxAnswer known = code_in_system(tx, row, code, false);
    if (known != TX_YES)
        return known;
    if (str_eq(code, ancestor))
        return TX_YES;
    uint32_t at = find_code(tx, row, code, false), top = find_code(tx, row, ancestor, false);
    if (row->content == TX_CONTENT_GRAMMAR || !row->hierarchical)
        return row->content == TX_CONTENT_GRAMMAR ? TX_NOT_CHECKABLE : TX_NO;
    for (uint32_t steps = 0; at < row->code_count && steps <= row->code_count; steps++) {
        if (at == top)
            return TX_YES;
        at = code_rows(tx)[row->first_code + at].parent;
    }
    return TX_NO;
}

/* --- membership --- */

static bool list_has(const uint32_t *words, uint32_t count, uint32_t ordinal)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (words[middle] == ordinal)
            return true;
        if (words[middle] < ordinal)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool part_has(const Terminology *tx, const TxPart *part, Str code, bool exact)
{
    const TxSystemRow *system = system_row(tx, part->system);
    if (part->kind == TX_PART_NONE)
        return false;
    if (part->kind == TX_PART_ALL)
        return code_in_system(tx, system, code, exact) == TX_YES;
    uint32_t ordinal = find_code(tx, system, code, exact);
    if (ordinal == TX_NONE)
        return false;
    const uint32_t *words = (const uint32_t *)span(tx, header_of(tx)->words) + part->first_word;
    return part->kind == TX_PART_LIST ? list_has(words, part->word_count, ordinal)
                                      : words[ordinal / 32] >> (ordinal % 32) & 1;
}

static const TxPart *parts_of(const Terminology *tx, const TxSetRow *set)
{
    return (const TxPart *)span(tx, header_of(tx)->parts) + set->first_part;
}

/* Rows of one url in several versions are parts of their own: the url counts. */
TxAnswer tx_contains(const Terminology *tx, TxValueSet set, Str system, TxSystem wanted, Str code,
                     bool exact)
{
    const TxSetRow *row = set_row(tx, set);
    const TxPart *parts = parts_of(tx, row);
    bool open = row->incomplete;
    Str url = STR_NONE; /* without a version, when it is needed */
    if (system.ptr && wanted == TX_NONE)
        return open ? TX_NOT_CHECKABLE : TX_NO;
    for (uint32_t i = 0; i < row->part_count; i++) {
        if (system.ptr && parts[i].system != wanted) {
            url = url.ptr ? url : without_version(system);
            if (!str_eq(terminology_system_url(tx, parts[i].system), url))
                continue;
        }
        if (part_has(tx, &parts[i], code, exact))
            return TX_YES;
        open = open || parts[i].fails;
    }
    return open ? TX_NOT_CHECKABLE : TX_NO;
}

TxAnswer terminology_contains(const Terminology *tx, TxValueSet set, Str system, Str code)
{
    return tx_contains(tx, set, system, terminology_system(tx, system), code, false);
}

bool tx_loaded_part_has(const Terminology *tx, TxValueSet set, Str code, bool exact)
{
    const TxSetRow *row = set_row(tx, set);
    const TxPart *parts = parts_of(tx, row);
    for (uint32_t i = 0; i < row->part_count; i++)
        if (system_row(tx, parts[i].system)->content > TX_CONTENT_NOT_PRESENT &&
            part_has(tx, &parts[i], code, exact))
            return true;
    return false;
}

Str terminology_infer_system(const Terminology *tx, TxValueSet set, Str code)
{
    const TxSetRow *row = set_row(tx, set);
    const TxPart *parts = parts_of(tx, row);
    if (row->only_system != TX_NONE)
        return terminology_system_url(tx, row->only_system);
    for (uint32_t i = 0; i < row->part_count; i++)
        if (parts[i].enumerated && part_has(tx, &parts[i], code, true))
            return terminology_system_url(tx, parts[i].system);
    return STR_NONE;
}

TxSpecial tx_special(const Terminology *tx, TxValueSet set)
{
    return (TxSpecial)set_row(tx, set)->special;
}

Str tx_missing_system(const Terminology *tx, TxValueSet set)
{
    const TxSetRow *row = set_row(tx, set);
    const TxPart *parts = parts_of(tx, row);
    for (uint32_t i = row->part_count; i-- > 0;)
        if (system_row(tx, parts[i].system)->content <= TX_CONTENT_NOT_PRESENT)
            return terminology_system_url(tx, parts[i].system);
    return STR_NONE;
}

bool terminology_has_supplements(const Terminology *tx)
{
    return (header_of(tx)->flags & (TX_HAS_SUPPLEMENTS | TERMINOLOGY_LENIENT)) ==
           TX_HAS_SUPPLEMENTS;
}

bool terminology_is_supplement(const Terminology *tx, Str system)
{
    TxSystem found = terminology_system(tx, system);
    return found != TX_NONE && system_row(tx, found)->supplement;
}

bool terminology_is_lenient(const Terminology *tx)
{
    return tx_is_lenient(tx);
}

bool tx_is_lenient(const Terminology *tx)
{
    return header_of(tx)->flags & TERMINOLOGY_LENIENT;
}

bool tx_version_is_unknown(const Terminology *tx, TxValueSet set)
{
    return set_row(tx, set)->only_version_unknown;
}
