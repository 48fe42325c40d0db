#include "services/validator/engine/fhirpath/fhirpath.h"
#include "services/validator/engine/schema/tables.h"

#define EXT "http://hl7.org/fhir/StructureDefinition/"

/* Constraints that code of ours checks, or sees to hold at a glance; told by key and text. */
typedef struct Native {
    const char *key;
    const char *text; /* as published, its beginning */
    NativeInvariant native;
} Native;

static const Native natives[] = {
    {"txt-1", "htmlChecks()",                                                            NATIVE_TXT_1       },
    {"txt-2", "htmlChecks()",                                                            NATIVE_TXT_2       },
    {"ele-1", "hasValue() or (children().count() > id.count()",                          NATIVE_ELE_1       },
    {"ext-1", "extension.exists() != value.exists()",                                    NATIVE_EXT_1       },
    {"ref-1",
     "reference.startsWith('#').not() or (reference.substring(1).trace('url') in "
     "%rootResource.contained.id",                                                       NATIVE_REF_1       },
    {"dom-2", "contained.contained.empty()",                                             NATIVE_NO_CONTAINED},
    {"dom-4", "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()",
     NATIVE_NO_CONTAINED                                                                                    },
    {"dom-5", "contained.meta.security.empty()",                                         NATIVE_NO_CONTAINED},
    {"dom-6", "text.`div`.exists()",                                                     NATIVE_DOM_6       },
    {"bdl-5", "resource.exists() or request.exists() or response.exists()",              NATIVE_BDL_5       },
    {"bdl-8", "fullUrl.contains('/_history/').not()",                                    NATIVE_BDL_8       },
    {"obs-7", "value.empty() or component.code.where(",                                  NATIVE_OBS_7       },
    {"per-1", "start.hasValue().not() or end.hasValue().not() or ",                      NATIVE_PER_1       },
};

static uint16_t native_of(Str key, Str text)
{
    if (str_is(key, "dom-3"))
        return NATIVE_SKIP;
    for (size_t i = 0; i < sizeof natives / sizeof *natives; i++)
        if (str_is(key, natives[i].key) && str_starts(text, str_from(natives[i].text)))
            return natives[i].native;
    return NATIVE_NONE;
}

static SchemaText id_of(Tables *tables, Str source, Str key)
{
    ArenaMark mark = arena_mark(tables->arena);
    Str id = arena_format(tables->arena, "%.*s#%.*s", STR_ARG(source), STR_ARG(key));
    SchemaText text = tables_text(tables, id);
    arena_release(tables->arena, mark);
    return text;
}

uint32_t compile_constraint(Tables *tables, const JsonDoc *doc, const JsonNode *node,
                            ProfileId profile)
{
    Str expression = json_get_text(doc, node, "expression");
    if (expression.len == 0)
        return 0;
    Str key = json_get_text(doc, node, "key");
    Str source = json_get_text(doc, node, "source");
    SchemaConstraint made = {
        .key = tables_text(tables, key),
        .human = tables_text(tables, json_get_text(doc, node, "human")),
        .id = id_of(tables,
                    source.len ? source : tables_str(tables, tables_profile(tables, profile)->url),
                    key),
        .native = native_of(key, expression),
    };
    if (str_is(json_get_text(doc, node, "severity"), "error"))
        made.flags |= CONSTRAINT_ERROR;
    if (source.len)
        made.flags |= CONSTRAINT_SOURCE;
    if (str_is(definition_extension_text(doc, node, EXT "elementdefinition-bestpractice"), "true"))
        made.flags |= CONSTRAINT_BEST_PRACTICE;
    made.expression = tables_expression(tables, fhirpath_invariant_expression(key, expression));
    /* Snapshots repeat the same constraint thousands of times: each is kept once. */
    uint32_t count = table_count(&tables->constraints);
    for (uint32_t i = count; i-- > 1;)
        if (memcmp(table_at(&tables->constraints, i), &made, sizeof made) == 0)
            return i;
    SchemaConstraint *record;
    uint32_t number = table_add(&tables->constraints, &record);
    *record = made;
    return number;
}
