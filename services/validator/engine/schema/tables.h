/* tables - the compiled schema while it grows; internal to engine/schema.
 *
 * Owner:   tables_init/tables_clear; lives while an image is compiled.
 * Errors:  memory: `full` is set once and stays; the compiler looks at its end.
 * Threads: one. */
#pragma once
#include "common/base/buf.h"
#include "services/validator/engine/package/package.h"
#include "services/validator/engine/schema/schema.h"
#include "services/validator/engine/snapshot/snapshot.h"

/* A table of plain records; record 0 is there from the start and means none. */
typedef struct Table {
    Buf bytes;
    size_t record;
} Table;

typedef struct Tables {
    Packages *packages;
    Snapshots *snapshots;
    const FhirModel *model;
    const Terminology *terminology;
    uint32_t reference;
    Arena *arena; /* scratch */
    Table profiles, nodes, groups, types, targets, constraints, expressions, slicings, slices,
        values, bindings, facets, contexts, resources, numbers;
    Buf strings;
    Buf code;
    uint32_t *string_slots; /* open addressing: offsets of interned strings */
    uint32_t string_slot_count, string_count;
    uint32_t *expression_slots, expression_slot_count;
    ProfileId *profile_of_resource; /* by PackageResource.index */
    const PackageResource **resource_of_profile;
    uint32_t problems; /* expressions and slices that cannot be evaluated */
} Tables;

bool tables_init(Tables *tables, Packages *packages, const FhirModel *model,
                 const Terminology *terminology, Arena *arena);
void tables_clear(Tables *tables);
bool tables_full(const Tables *tables);

/* Appends a cleared record; its number. The pointer holds until the next append. */
uint32_t table_add(Table *table, void *ret_record_ptr);
static inline uint32_t table_count(const Table *table)
{
    return (uint32_t)(table->bytes.len / table->record);
}
static inline void *table_at(const Table *table, uint32_t number)
{
    return table->bytes.data + (size_t)number * table->record;
}
static inline SchemaProfile *tables_profile(const Tables *tables, ProfileId id)
{
    return table_at(&tables->profiles, id);
}
static inline SchemaNode *tables_node(const Tables *tables, NodeId id)
{
    return table_at(&tables->nodes, id);
}
static inline uint32_t tables_number(const Tables *tables, uint32_t at)
{
    uint32_t n;
    memcpy(&n, table_at(&tables->numbers, at), sizeof n);
    return n;
}

SchemaText tables_text(Tables *tables, Str text); /* interned; empty text: 0 */
Str tables_str(const Tables *tables, SchemaText text);
uint32_t tables_put_number(Tables *tables, uint32_t number); /* its index */

/* An expression in the java dialect, once each; what does not compile keeps its problem. */
uint32_t tables_expression(Tables *tables, Str text);
/* A JSON value as it is written in a definition; `property` and `type` of the value itself. */
uint32_t tables_value(Tables *tables, const JsonDoc *doc, const JsonNode *node, uint16_t property,
                      FhirTypeId type);
/* A StructureDefinition with its snapshot: the shipped one, else made from its differential. Where
 * none can be made the definition is as it was shipped. */
bool tables_definition(Tables *tables, const PackageResource *resource, const JsonDoc **ret_doc,
                       Err *err) MUST_USE;
/* The profile that a canonical means, seen from the package of `from`. */
ProfileId tables_find_profile(const Tables *tables, const PackageResource *from, Str canonical);
uint32_t tables_targets(Tables *tables, const PackageResource *from, const JsonDoc *doc,
                        const JsonNode *list, uint16_t *ret_count);

/* node.c: one snapshot into nodes. */
bool compile_snapshot(Tables *tables, const PackageResource *resource, const JsonDoc *doc,
                      const JsonNode *elements, ProfileId profile);
/* slicing.c: for every slice of every profile, how an element matches it. */
void compile_slices(Tables *tables);
/* content.c: equal nodes get equal numbers; false without memory. */
bool compile_contents(Tables *tables);
/* constraint.c */
uint32_t compile_constraint(Tables *tables, const JsonDoc *doc, const JsonNode *constraint,
                            ProfileId profile);

/* An extension of a definition's JSON by url, or NULL; the text of its value, or STR_NONE. */
const JsonNode *definition_extension(const JsonDoc *doc, const JsonNode *node, const char *url);
Str definition_extension_text(const JsonDoc *doc, const JsonNode *node, const char *url);
