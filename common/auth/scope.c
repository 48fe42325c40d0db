#include "common/auth/scope.h"

typedef struct Scope {
    Str own; /* "fhirbus/..." */
    Str type;
    unsigned letters; /* bits in the order of `cruds` */
} Scope;

static const char cruds[] = "cruds";

static unsigned bit_of(char letter)
{
    const char *at = letter ? strchr(cruds, letter) : NULL;
    return at ? 1u << (at - cruds) : 0;
}

static unsigned letters_of(Str text)
{
    unsigned letters = 0;
    if (str_is(text, "read"))
        text = STR("rs");
    else if (str_is(text, "write"))
        text = STR("cud");
    else if (str_is(text, "*"))
        text = str_from(cruds);
    for (size_t i = 0; i < text.len; i++) {
        unsigned bit = bit_of(text.ptr[i]);
        if (!bit || bit <= letters) /* unknown, twice or out of order */
            return 0;
        letters |= bit;
    }
    return letters;
}

static bool parse(Str text, Scope *ret_scope)
{
    Str rest = str_skip(text, STR("system/").len);
    size_t dot = str_rfind_char(rest, '.');
    if (str_is(text, "fhirbus/replay") || str_is(text, "fhirbus/administer")) {
        *ret_scope = (Scope){.own = text};
        return true;
    }
    if (!str_starts(text, STR("system/")) || dot == SIZE_MAX || dot == 0)
        return false;
    Scope scope = {.type = str_cut(rest, 0, dot), .letters = letters_of(str_skip(rest, dot + 1))};
    for (size_t i = 0; i < scope.type.len && !str_is(scope.type, "*"); i++) {
        char c = scope.type.ptr[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z'))
            return false;
    }
    *ret_scope = scope;
    return scope.letters != 0;
}

static bool contains(const Scope *big, const Scope *small)
{
    if (big->own.len || small->own.len)
        return str_eq(big->own, small->own);
    return (str_is(big->type, "*") || str_eq(big->type, small->type)) &&
           (big->letters & small->letters) == small->letters;
}

bool scope_covers(Str scopes, const ScopeNeed *need)
{
    Scope wanted = {.own = str_from(need->own)};
    Scope scope;
    Str one;
    if (!need->own)
        wanted = (Scope){.type = str_from(need->type), .letters = bit_of(need->letter)};
    while (str_split(&scopes, ' ', &one))
        if (parse(one, &scope) && contains(&scope, &wanted))
            return true;
    return false;
}

bool scope_is_ours(Str scopes)
{
    Scope scope;
    Str one;
    while (str_split(&scopes, ' ', &one))
        if (parse(one, &scope))
            return true;
    return false;
}

static bool allows(AuthTexts allowed, Str text)
{
    Scope wanted, scope;
    if (!parse(text, &wanted))
        return false;
    for (size_t i = 0; i < allowed.count; i++)
        if (parse(allowed.list[i], &scope) && contains(&scope, &wanted))
            return true;
    return false;
}

Str scope_grant(Str requested, AuthTexts allowed, Arena *arena)
{
    Str initial = STR("system/*.cruds"), granted = STR_NONE, one;
    if (!allowed.count)
        allowed = (AuthTexts){&initial, 1};
    for (size_t i = 0; i < allowed.count && !str_trim(requested).len; i++)
        granted =
            granted.ptr ? ARENA_JOIN(arena, granted, STR(" "), allowed.list[i]) : allowed.list[i];
    if (granted.ptr)
        return granted;
    while (str_split(&requested, ' ', &one))
        if (allows(allowed, one))
            granted = granted.ptr ? ARENA_JOIN(arena, granted, STR(" "), one) : one;
    return granted;
}
