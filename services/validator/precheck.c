#include "services/validator/precheck.h"

static Precheck failed(Arena *arena, Str code, const char *text, JsonPosition at)
{
    Precheck result = {.code = code, .line = at.line, .column = at.column};
    result.message = at.line ? arena_format(arena, "%.*s: %s (line %u, column %u)", STR_ARG(code),
                                            text, at.line, at.column)
                             : arena_format(arena, "%.*s: %s", STR_ARG(code), text);
    return result;
}

/* A canonical without its |version. */
static Str without_version(Str canonical)
{
    return str_cut(canonical, 0, str_find_char(canonical, '|'));
}

static bool allowed(const char *list, Str profile)
{
    Str rest = str_from(list), one;
    profile = without_version(profile);
    while (rest.ptr && str_split(&rest, ',', &one)) {
        one = str_trim(one);
        if (str_is(one, "*") || (one.len && str_eq(one, profile)))
            return true;
    }
    return false;
}

static Precheck check_profiles(const JsonDoc *doc, const char *list, Arena *arena)
{
    const JsonPosition nowhere = {0};
    const JsonNode *meta = json_get(doc, json_root(doc), "meta");
    const JsonNode *profiles = json_get(doc, meta, "profile");
    Str first = STR("");
    bool allowed_one = false;
    if (profiles && profiles->kind == JSON_KIND_ARRAY) {
        JSON_EACH(doc, profile, profiles)
        {
            if (profile->kind != JSON_KIND_STRING || profile->text_len == 0)
                continue;
            if (first.len == 0)
                first = json_text(profile);
            allowed_one = allowed_one || allowed(list, json_text(profile));
        }
    }
    if (allowed_one)
        return (Precheck){.passed = true, .profile = first};
    if (first.len == 0)
        return failed(arena, STR("TECHBD-1002"), "Bundle profile url must be provided", nowhere);
    Precheck result = failed(arena, STR("TECHBD-1001"),
                             "The bundle profile url is none of those that are accepted here",
                             json_position(doc->source, profiles->at));
    result.profile = first;
    return result;
}

bool precheck(Str document, const char *allowed_profiles, const JsonLimits *limits, Arena *arena,
              Precheck *ret_precheck, Err *err)
{
    JsonDoc doc;
    JsonPosition at = {0};
    Err why = {0};
    Precheck result;
    if (json_read(document, NULL, limits, arena, &doc, &at, &why)) {
        result = check_profiles(&doc, allowed_profiles, arena);
    } else if (strcmp(why.code, "memory-limit") == 0) {
        if (err)
            *err = why;
        return false;
    } else {
        Str text = arena_format(arena, "Invalid or partial JSON: %s", why.text);
        result =
            failed(arena, STR("TECHBD-1000"), text.ptr ? text.ptr : "Invalid or partial JSON", at);
    }
    if (!result.passed && !result.message.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for the pre-check's message");
    *ret_precheck = result;
    return true;
}
