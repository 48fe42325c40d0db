/* Code systems that are grammars: UCUM, BCP-47, MIME types. */
#include "common/fhir/ucum.h"
#include "services/validator/engine/terminology/format.h"
#include "services/validator/engine/terminology/language_table.h"

enum { SUBTAG_MAX = 8, TAG_MAX = 100 };

/* --- BCP-47 --- */

static bool in_column(const char *column, Str tag)
{
    size_t low = 0, high = strlen(column) / tag.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(tag.ptr, column + middle * tag.len, tag.len);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool in_words(const char *words, Str tag)
{
    Str rest = str_from(words), word;
    while (str_split(&rest, ' ', &word))
        if (str_eq(word, tag))
            return true;
    return false;
}

static bool take_if(Str *rest, Str *next, bool fits)
{
    if (fits && !str_split(rest, '-', next))
        *next = STR_NONE;
    return fits;
}

/* Extensions (u-co-phonebk) and private use (x-anything): form only. */
static bool tail_is_well_formed(Str rest, Str next)
{
    while (next.ptr) {
        if (next.len != 1)
            return false;
        bool private_use = next.ptr[0] == 'x';
        uint32_t count = 0;
        while (str_split(&rest, '-', &next) && next.len >= (private_use ? 1 : 2))
            count += next.len <= SUBTAG_MAX;
        if (count == 0)
            return false;
        if (!rest.ptr && (next.len >= (private_use ? 1 : 2) || next.len == 0))
            return next.len > 0;
    }
    return true;
}

/* spec: RFC 5646 2.1: language [extlang] [script] [region] variants extensions private-use; letter
 * case does not count. Subtags are looked up in the registry. */
static bool accepts_language(Str code)
{
    char lower[TAG_MAX];
    if (code.len == 0 || code.len > sizeof lower)
        return false;
    for (size_t i = 0; i < code.len; i++) {
        char c = code.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-')
            return false;
        lower[i] = letter ? (char)(c | 32) : c;
    }
    Str rest = {lower, code.len}, next;
    if (str_find_char(rest, '-') < rest.len && in_words(bcp47_grandfathered, rest))
        return true;
    str_split(&rest, '-', &next);
    if (str_is(next, "x"))
        return tail_is_well_formed(rest, next);
    if (!take_if(&rest, &next,
                 (next.len == 2 && in_column(bcp47_language2, next)) ||
                     (next.len == 3 && in_column(bcp47_language3, next))))
        return false;
    take_if(&rest, &next, next.len == 3 && in_column(bcp47_extlang, next));
    take_if(&rest, &next, next.len == 4 && in_column(bcp47_script, next));
    take_if(&rest, &next,
            (next.len == 2 && in_column(bcp47_region2, next)) ||
                (next.len == 3 && in_column(bcp47_region3, next)));
    while (take_if(&rest, &next, next.len >= 4 && in_words(bcp47_variant, next)))
        ;
    return tail_is_well_formed(rest, next);
}

/* --- MIME --- */

static bool is_token(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c <= ' ' || c > '~' || strchr("()<>@,;:\\\"/[]?=", c))
            return false;
    }
    return s.len > 0;
}

/* spec: RFC 2045 5.1: type/subtype and parameters. FHIR's own mnemonics (xml, json, ttl, html) are
 * in use too, so that a lone token is one. */
static bool accepts_mime(Str code)
{
    Str rest = str_cut(code, 0, str_find_char(code, ';')), type;
    rest = str_trim(rest);
    str_split(&rest, '/', &type);
    return is_token(type) && (!rest.ptr || is_token(rest));
}

bool tx_grammar_accepts(TxGrammar grammar, Str code)
{
    switch (grammar) {
    case TX_GRAMMAR_UCUM:
        return ucum_valid(code, NULL);
    case TX_GRAMMAR_LANGUAGE:
        return accepts_language(code);
    case TX_GRAMMAR_MIME:
        return accepts_mime(code);
    default:
        return false;
    }
}
