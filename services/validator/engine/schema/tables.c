#include "services/validator/engine/schema/tables.h"

#include "services/validator/engine/fhirpath/fhirpath.h"

static const size_t TABLE_BYTES_MAX = (size_t)1 << 30;
enum { SLOTS_START = 1 << 12 };

static bool table_init(Table *table, size_t record)
{
    buf_init(&table->bytes, TABLE_BYTES_MAX);
    table->record = record;
    void *none;
    table_add(table, &none);
    return !table->bytes.overflowed;
}

uint32_t table_add(Table *table, void *ret_record_ptr)
{
    char *room = buf_reserve(&table->bytes, table->record);
    if (!room) { /* overflowed: the last record is handed out again, the compiler stops at the end
                  */
        room = table->bytes.data;
    } else {
        memset(room, 0, table->record);
        table->bytes.len += table->record;
    }
    memcpy(ret_record_ptr, &room, sizeof room);
    return table_count(table) - 1;
}

bool tables_init(Tables *tables, Packages *packages, const FhirModel *model,
                 const Terminology *terminology, Arena *arena)
{
    *tables =
        (Tables){.packages = packages, .model = model, .terminology = terminology, .arena = arena};
    tables->snapshots = snapshots_new(packages, false);
    buf_init(&tables->strings, TABLE_BYTES_MAX);
    buf_init(&tables->code, TABLE_BYTES_MAX);
    static const char none[8] = {0}; /* text 0: empty; code 0: none */
    bool ok = buf_add(&tables->strings, (Str){none, sizeof none}) &&
              buf_add(&tables->code, (Str){none, sizeof none});
    ok = table_init(&tables->profiles, sizeof(SchemaProfile)) && ok;
    ok = table_init(&tables->nodes, sizeof(SchemaNode)) && ok;
    ok = table_init(&tables->groups, sizeof(SchemaGroup)) && ok;
    ok = table_init(&tables->types, sizeof(SchemaType)) && ok;
    ok = table_init(&tables->targets, sizeof(SchemaTarget)) && ok;
    ok = table_init(&tables->constraints, sizeof(SchemaConstraint)) && ok;
    ok = table_init(&tables->expressions, sizeof(SchemaExpression)) && ok;
    ok = table_init(&tables->slicings, sizeof(SchemaSlicing)) && ok;
    ok = table_init(&tables->slices, sizeof(SchemaSlice)) && ok;
    ok = table_init(&tables->values, sizeof(SchemaValue)) && ok;
    ok = table_init(&tables->bindings, sizeof(SchemaBinding)) && ok;
    ok = table_init(&tables->facets, sizeof(SchemaFacets)) && ok;
    ok = table_init(&tables->contexts, sizeof(SchemaContext)) && ok;
    ok = table_init(&tables->resources, sizeof(SchemaResource)) && ok;
    ok = table_init(&tables->numbers, sizeof(uint32_t)) && ok;
    return ok;
}

void tables_clear(Tables *tables)
{
    Table *all[] = {&tables->profiles,    &tables->nodes,     &tables->groups,
                    &tables->types,       &tables->targets,   &tables->constraints,
                    &tables->expressions, &tables->slicings,  &tables->slices,
                    &tables->values,      &tables->bindings,  &tables->facets,
                    &tables->contexts,    &tables->resources, &tables->numbers};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_clear(&all[i]->bytes);
    snapshots_free(tables->snapshots);
    buf_clear(&tables->strings);
    buf_clear(&tables->code);
    free(tables->string_slots);
    free(tables->expression_slots);
    free(tables->profile_of_resource);
    free(tables->resource_of_profile);
    *tables = (Tables){0};
}

bool tables_definition(Tables *tables, const PackageResource *resource, const JsonDoc **ret_doc,
                       Err *err)
{
    Err none = {0};
    if (!resource->has_snapshot && resource->has_differential &&
        snapshots_of(tables->snapshots, resource, ret_doc, &none))
        return true;
    return packages_doc(tables->packages, resource, ret_doc, err);
}

bool tables_full(const Tables *tables)
{
    const Table *all[] = {&tables->profiles,    &tables->nodes,     &tables->groups,
                          &tables->types,       &tables->targets,   &tables->constraints,
                          &tables->expressions, &tables->slicings,  &tables->slices,
                          &tables->values,      &tables->bindings,  &tables->facets,
                          &tables->contexts,    &tables->resources, &tables->numbers};
    bool full = tables->strings.overflowed || tables->code.overflowed;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        full = full || all[i]->bytes.overflowed;
    return full;
}

/* --- interned texts --------------------------------------------------------------------------- */

Str tables_str(const Tables *tables, SchemaText text)
{
    uint32_t len;
    memcpy(&len, tables->strings.data + text, sizeof len);
    return (Str){tables->strings.data + text + sizeof len, len};
}

/* Puts `value` into a table of slots that grows at three quarters; 0 is an empty slot. */
static bool slots_make_room(uint32_t **slots, uint32_t *slot_count, uint32_t used,
                            uint64_t (*hash_of)(const Tables *, uint32_t), const Tables *tables)
{
    if (*slots && used * 4 < *slot_count * 3)
        return true;
    uint32_t count = *slot_count ? *slot_count * 2 : SLOTS_START;
    uint32_t *grown = calloc(count, sizeof *grown);
    if (!grown)
        return false;
    for (uint32_t i = 0; i < *slot_count; i++) {
        if (!(*slots)[i])
            continue;
        uint32_t at = (uint32_t)hash_of(tables, (*slots)[i]) & (count - 1);
        while (grown[at])
            at = (at + 1) & (count - 1);
        grown[at] = (*slots)[i];
    }
    free(*slots);
    *slots = grown;
    *slot_count = count;
    return true;
}

static uint64_t text_hash(const Tables *tables, uint32_t text)
{
    return str_hash(tables_str(tables, text));
}

SchemaText tables_text(Tables *tables, Str text)
{
    if (text.len == 0 || !slots_make_room(&tables->string_slots, &tables->string_slot_count,
                                          tables->string_count, text_hash, tables))
        return 0;
    uint32_t mask = tables->string_slot_count - 1;
    uint32_t at = (uint32_t)str_hash(text) & mask;
    for (; tables->string_slots[at]; at = (at + 1) & mask)
        if (str_eq(tables_str(tables, tables->string_slots[at]), text))
            return tables->string_slots[at];
    SchemaText offset = (SchemaText)tables->strings.len;
    uint32_t len = (uint32_t)text.len;
    if (!buf_add(&tables->strings, (Str){(const char *)&len, sizeof len}) ||
        !buf_add(&tables->strings, text))
        return 0;
    tables->string_slots[at] = offset;
    tables->string_count++;
    return offset;
}

uint32_t tables_put_number(Tables *tables, uint32_t number)
{
    uint32_t *record;
    uint32_t at = table_add(&tables->numbers, &record);
    *record = number;
    return at;
}

/* --- expressions ------------------------------------------------------------------------------ */

static uint64_t expression_hash(const Tables *tables, uint32_t expression)
{
    const SchemaExpression *e = table_at(&tables->expressions, expression);
    return text_hash(tables, e->text);
}

static void compile_expression(Tables *tables, Str text, SchemaExpression *expression)
{
    FhirpathCompileOptions options = {.model = tables->model, .dialect = FHIRPATH_JAVA};
    ArenaMark mark = arena_mark(tables->arena);
    Str code;
    Err err = {0};
    if (!fhirpath_compile(text, &options, tables->arena, &code, NULL, &err)) {
        expression->problem = tables_text(tables, str_from(err.text));
        tables->problems++;
    } else {
        static const char zeros[8];
        expression->code = (uint32_t)tables->code.len;
        expression->code_bytes = (uint32_t)code.len;
        if (buf_add(&tables->code, code))
            (void)buf_add(&tables->code, (Str){zeros, (8 - code.len % 8) % 8});
    }
    arena_release(tables->arena, mark);
}

uint32_t tables_expression(Tables *tables, Str text)
{
    uint32_t used = table_count(&tables->expressions);
    if (text.len == 0 || !slots_make_room(&tables->expression_slots, &tables->expression_slot_count,
                                          used, expression_hash, tables))
        return 0;
    uint32_t mask = tables->expression_slot_count - 1;
    uint32_t at = (uint32_t)str_hash(text) & mask;
    for (; tables->expression_slots[at]; at = (at + 1) & mask) {
        const SchemaExpression *known =
            table_at(&tables->expressions, tables->expression_slots[at]);
        if (str_eq(tables_str(tables, known->text), text))
            return tables->expression_slots[at];
    }
    SchemaExpression made = {.text = tables_text(tables, text)};
    compile_expression(tables, text, &made);
    SchemaExpression *record;
    uint32_t number = table_add(&tables->expressions, &record);
    *record = made;
    tables->expression_slots[at] = number;
    return number;
}

/* --- values ----------------------------------------------------------------------------------- */

static uint32_t add_value(Tables *tables, const JsonDoc *doc, const JsonNode *node,
                          uint16_t property, FhirTypeId type);

static void add_members(Tables *tables, const JsonDoc *doc, const JsonNode *node, uint32_t self,
                        FhirTypeId type)
{
    const FhirModel *model = tables->model;
    uint32_t last = 0;
    JSON_EACH(doc, member, node)
    {
        const FhirChild *row =
            member->name && type ? fhir_child_find(model, type, member->name) : NULL;
        if (!row)
            continue;
        const JsonNode *item = member->kind == JSON_KIND_ARRAY ? json_first(member) : member;
        while (item) {
            uint32_t child = add_value(tables, doc, item, row->property, row->type);
            ((SchemaValue *)table_at(&tables->values, self))->count++;
            if (last)
                ((SchemaValue *)table_at(&tables->values, last))->next = child;
            ((SchemaValue *)table_at(&tables->values, child))->is_list =
                member->kind == JSON_KIND_ARRAY;
            last = child;
            item = member->kind == JSON_KIND_ARRAY ? json_next(doc, item) : NULL;
        }
    }
}

static uint32_t add_value(Tables *tables, const JsonDoc *doc, const JsonNode *node,
                          uint16_t property, FhirTypeId type)
{
    SchemaText text = 0;
    if (node->kind == JSON_KIND_STRING || node->kind == JSON_KIND_NUMBER)
        text = tables_text(tables, json_text(node));
    else if (node->kind == JSON_KIND_TRUE || node->kind == JSON_KIND_FALSE)
        text = tables_text(tables, node->kind == JSON_KIND_TRUE ? STR("true") : STR("false"));
    SchemaValue *value;
    uint32_t self = table_add(&tables->values, &value);
    value->text = text;
    value->property = property;
    value->type = type;
    value->kind = node->kind;
    if (node->kind == JSON_KIND_OBJECT)
        add_members(tables, doc, node, self, type);
    return self;
}

uint32_t tables_value(Tables *tables, const JsonDoc *doc, const JsonNode *node, uint16_t property,
                      FhirTypeId type)
{
    return add_value(tables, doc, node, property, type);
}

/* --- canonicals ------------------------------------------------------------------------------- */

ProfileId tables_find_profile(const Tables *tables, const PackageResource *from, Str canonical)
{
    bool skewed;
    const PackageResource *found =
        packages_find_any(tables->packages, from ? from->package : NULL, STR("StructureDefinition"),
                          canonical, &skewed);
    return found ? tables->profile_of_resource[found->index] : 0;
}

uint32_t tables_targets(Tables *tables, const PackageResource *from, const JsonDoc *doc,
                        const JsonNode *list, uint16_t *ret_count)
{
    uint32_t first = 0;
    *ret_count = 0;
    if (!list || list->kind != JSON_KIND_ARRAY)
        return 0;
    JSON_EACH(doc, item, list)
    {
        if (item->kind != JSON_KIND_STRING || *ret_count == UINT16_MAX)
            continue;
        SchemaTarget *target;
        uint32_t at = table_add(&tables->targets, &target);
        target->url = tables_text(tables, json_text(item));
        target->profile = tables_find_profile(tables, from, json_text(item));
        if (!first)
            first = at;
        ++*ret_count;
    }
    return first;
}

const JsonNode *definition_extension(const JsonDoc *doc, const JsonNode *node, const char *url)
{
    const JsonNode *list = json_get(doc, node, "extension");
    if (list)
        JSON_EACH(doc, item, list)
    if (str_is(json_get_text(doc, item, "url"), url))
        return item;
    return NULL;
}

Str definition_extension_text(const JsonDoc *doc, const JsonNode *node, const char *url)
{
    const JsonNode *extension = definition_extension(doc, node, url);
    if (!extension)
        return STR_NONE;
    JSON_EACH(doc, member, extension)
    if (str_starts(json_key(member), STR("value"))) {
        if (member->kind == JSON_KIND_TRUE)
            return STR("true");
        return member->kind == JSON_KIND_STRING || member->kind == JSON_KIND_NUMBER
                   ? json_text(member)
                   : STR_NONE;
    }
    return STR_NONE;
}
