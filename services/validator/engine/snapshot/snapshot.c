#include "services/validator/engine/snapshot/snapshot.h"

#include "common/base/check.h"
#include "services/validator/engine/snapshot/internal.h"

static const size_t SCRATCH_BYTES_MAX = (size_t)1024 * 1024 * 1024;

Snapshots *snapshots_new(Packages *packages, bool remake)
{
    Snapshots *set = calloc(1, sizeof *set);
    CHECK(set);
    set->packages = packages;
    set->remake = remake;
    set->arena = arena_new((size_t)4 * 1024 * 1024 * 1024);
    size_t n = packages_resource_count(packages);
    set->made = calloc(n ? n : 1, sizeof *set->made);
    set->making = calloc(n ? n : 1, sizeof *set->making);
    CHECK(set->made && set->making);
    return set;
}

void snapshots_free(Snapshots *snapshots)
{
    if (!snapshots)
        return;
    arena_free(snapshots->arena);
    free((void *)snapshots->made);
    free(snapshots->making);
    free(snapshots);
}

size_t snapshots_issue_count(const Snapshots *snapshots)
{
    return snapshots->issue_count;
}

const SnapshotIssue *snapshots_issue(const Snapshots *snapshots, size_t index)
{
    return &snapshots->issues[index];
}

const char *snapshot_severity_name(SnapshotSeverity severity)
{
    static const char *const names[] = {"note", "warning", "error"};
    return names[severity];
}

/* --- one generation ------------------------------------------------------------------------------
 */

static Str definition_text(const Gen *gen, const char *name)
{
    return value_text(value_get(gen->definition, name));
}

static Str first_path(const Gen *gen)
{
    Value list = value_get(value_get(gen->definition, "differential"), "element");
    Str path = value_text(value_get(value_item(list, 0), "path"));
    return str_cut(path, 0, str_find_char(path, '.'));
}

/* The name that paths begin with: the type's, whose url a logical model has for a type. */
static Str root_name(const Gen *gen)
{
    Str path = first_path(gen), type = definition_text(gen, "type");
    return path.len ? path : str_skip(type, str_rfind_char(type, '/') + 1);
}

/* Element, Resource and Base rest on nothing. */
static bool start_from_nothing(Gen *gen, Err *err)
{
    gen->root = node_new(gen, root_name(gen), STR_NONE, err);
    if (!gen->root)
        return false;
    gen->root->home = gen->root;
    gen->root->source = gen->url;
    return true;
}

static bool check_type(Gen *gen, const Tree *base)
{
    Str type = definition_text(gen, "type");
    if (gen->specialises || str_eq(type, base->type) || !base->type.len)
        return true;
    issue_add(gen, SNAPSHOT_ERROR, "type-differs", gen->url,
              "it constrains %.*s, and its base is a %.*s", STR_ARG(type), STR_ARG(base->type));
    return true;
}

/* A new type has its base's elements under its own name. Its root is its own. */
static bool start_from_base(Gen *gen, const Tree *base, Err *err)
{
    TRY(node_copy(gen, base->root, true, NULL, &gen->root, err));
    if (!gen->specialises)
        return check_type(gen, base);
    gen->root->name = root_name(gen);
    gen->root->pristine = NULL;
    if (!gen->is_logical)
        element_clear(&gen->root->element, F_BASE);
    return true;
}

static bool start(Gen *gen, Err *err)
{
    Str base = definition_text(gen, "baseDefinition");
    if (!base.len && gen->specialises)
        return start_from_nothing(gen, err);
    if (!base.len)
        return ERR(err, ERR_INPUT, "snapshot-no-base", "%.*s names no baseDefinition",
                   STR_ARG(gen->url));
    Tree *tree;
    TRY(tree_of(gen, base, &tree, err));
    if (!tree)
        return ERR(err, ERR_INPUT, "snapshot-no-base", "the base of %.*s is not usable: %.*s",
                   STR_ARG(gen->url), STR_ARG(base));
    gen->base_url = base;
    return start_from_base(gen, tree, err);
}

static bool generate(Gen *gen, const JsonDoc **ret_doc, Err *err)
{
    TRY(start(gen, err));
    TRY(differential_apply(gen, err));
    TRY(tree_settle(gen, err));
    return tree_emit(gen, gen->set->arena, ret_doc, err);
}

bool snapshots_generate(Snapshots *snapshots, const Package *from, const JsonDoc *definition,
                        const JsonDoc **ret_doc, Err *err)
{
    Value root = {definition, json_root(definition)};
    if (!str_is(value_text(value_get(root, "resourceType")), "StructureDefinition"))
        return ERR(err, ERR_INPUT, "snapshot-not-a-profile", "this is no StructureDefinition");
    if (snapshots->depth >= SNAPSHOT_DEPTH_MAX)
        return ERR(err, ERR_INPUT, "snapshot-circular", "more than %d snapshots need each other",
                   SNAPSHOT_DEPTH_MAX);
    ARENA_AUTO scratch = arena_new(SCRATCH_BYTES_MAX);
    Gen gen = {
        .set = snapshots,
        .from = from,
        .arena = scratch,
        .definition = root,
        .url = value_text(value_get(root, "url")),
        .specialises = !str_is(value_text(value_get(root, "derivation")), "constraint"),
        .is_logical = str_is(value_text(value_get(root, "kind")), "logical"),
    };
    gen.is_primitive =
        gen.specialises && str_is(value_text(value_get(root, "kind")), "primitive-type");
    snapshots->depth++;
    bool good = generate(&gen, ret_doc, err);
    snapshots->depth--;
    return good;
}

/* --- by resource ---------------------------------------------------------------------------------
 */

static bool make(Snapshots *set, const PackageResource *resource, const JsonDoc **ret_doc, Err *err)
{
    const JsonDoc *doc;
    TRY(packages_doc(set->packages, resource, &doc, err));
    if (resource->has_snapshot && (!set->remake || !resource->has_differential)) {
        *ret_doc = doc;
        return true;
    }
    if (set->making[resource->index])
        return ERR(err, ERR_INPUT, "snapshot-circular", "%.*s is needed to make its own snapshot",
                   STR_ARG(resource->url));
    set->making[resource->index] = true;
    bool good = snapshots_generate(set, resource->package, doc, ret_doc, err);
    set->making[resource->index] = false;
    return good;
}

bool snapshots_of(Snapshots *snapshots, const PackageResource *resource, const JsonDoc **ret_doc,
                  Err *err)
{
    const JsonDoc **slot = &snapshots->made[resource->index];
    if (!*slot)
        TRY(make(snapshots, resource, slot, err));
    *ret_doc = *slot;
    return true;
}
