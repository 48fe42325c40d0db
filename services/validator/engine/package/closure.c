#include "services/validator/engine/package/internal.h"

#include <dirent.h>

/* Dependencies -> members, members -> the order in which find.c looks for a canonical. The policy
 * is written in package.h. */

/* --- what the folders offer ----------------------------------------------------------------------
 */

static int by_file(const void *a, const void *b)
{
    return str_compare(((const Offer *)a)->file, ((const Offer *)b)->file);
}

static bool offer_add(Packages *packages, const char *folder, const char *file, size_t *room,
                      Err *err)
{
    if (packages->offer_count == *room) {
        size_t more = *room ? *room * 2 : 64;
        Offer *grown = arena_grow(packages->arena, packages->offers, *room * sizeof *grown,
                                  more * sizeof *grown);
        if (!grown)
            return OUT_OF_MEMORY(err);
        packages->offers = grown;
        *room = more;
    }
    Str path = arena_format(packages->arena, "%s/%s", folder, file);
    if (!path.ptr)
        return OUT_OF_MEMORY(err);
    packages->offers[packages->offer_count++] =
        (Offer){.path = path, .file = str_skip(path, strlen(folder) + 1)};
    return true;
}

static bool list_offers(Packages *packages, Err *err)
{
    size_t room = 0;
    for (size_t i = 0; i < packages->options.folder_count; i++) {
        const char *folder = packages->options.folders[i];
        size_t first = packages->offer_count;
        DIR *dir = opendir(folder);
        if (!dir)
            return ERR(err, ERR_INPUT, "package-folder", "the packages folder %s: %m", folder);
        bool good = true;
        for (struct dirent *entry; good && (entry = readdir(dir));)
            if (entry->d_name[0] != '.')
                good = offer_add(packages, folder, entry->d_name, &room, err);
        closedir(dir);
        TRY(good);
        if (packages->offer_count > first)
            qsort(packages->offers + first, packages->offer_count - first, sizeof(Offer), by_file);
    }
    return true;
}

/* "NAME-1.2.3.tgz", "NAME#1.2.3", "NAME@1.2.3.tgz", "NAME.tgz", "NAME": hl7.fhir.us.core does not
 * begin hl7.fhir.us.core.x. */
static bool file_may_hold(Str file, Str name)
{
    if (!str_starts(file, name))
        return false;
    Str rest = str_skip(file, name.len);
    return rest.len == 0 || !rest.ptr || strchr("-#@_", rest.ptr[0]) || str_is(rest, ".tgz") ||
           str_is(rest, ".tar.gz");
}

static void ask(Packages *packages, Offer *offer)
{
    Manifest manifest;
    Err err = {0};
    ARENA_AUTO scratch = arena_new(packages->options.limits.bytes);
    offer->asked = true;
    if (!manifest_peek(offer->path.ptr, &packages->options.limits, scratch, &manifest, &err)) {
        packages_warn(packages, "unreadable", NULL, "%s is left out: %s", offer->path.ptr,
                      err.text);
        return;
    }
    offer->usable = manifest.fhir_fits || manifest.fhir_nearly;
    offer->is_examples = str_is(manifest.type, "fhir.examples");
    offer->name = arena_copy(packages->arena, manifest.name);
    offer->version = arena_copy(packages->arena, manifest.version);
}

/* --- choosing ------------------------------------------------------------------------------------
 */

typedef struct Choice {
    Member *member;
    Offer *offer;
    int fit; /* -1: none yet */
    Str version;
} Choice;

static bool better(const Choice *best, int fit, bool asked_for, Str version)
{
    bool best_asked = best->member && best->member->shown.asked_for;
    if (best->fit < 0)
        return true;
    if ((fit == 3) != (best->fit == 3))
        return fit == 3;
    if (asked_for != best_asked)
        return asked_for;
    if (fit != best->fit)
        return fit > best->fit;
    return package_version_compare(version, best->version) > 0;
}

static void choose_named(Packages *packages, Str name, Str wanted, Choice *best)
{
    for (uint32_t i = 0; i < packages->member_count; i++) {
        Member *m = packages->members[i];
        if (m->shown.kind == PACKAGE_LOOSE || !str_eq(m->shown.name, name) ||
            (m->is_examples && !m->shown.asked_for))
            continue;
        int fit = version_fit(wanted, m->shown.version);
        if (better(best, fit, m->shown.asked_for, m->shown.version))
            *best = (Choice){m, NULL, fit, m->shown.version};
    }
    for (size_t i = 0; i < packages->offer_count; i++) {
        Offer *offer = &packages->offers[i];
        if (!file_may_hold(offer->file, name))
            continue;
        if (!offer->asked)
            ask(packages, offer);
        if (!offer->usable || offer->is_examples || !str_eq(offer->name, name))
            continue;
        int fit = version_fit(wanted, offer->version);
        if (better(best, fit, false, offer->version))
            *best = (Choice){NULL, offer, fit, offer->version};
    }
}

static Str other_name(Packages *packages, Str name)
{
    if (str_is(name, "hl7.fhir.core"))
        return STR("hl7.fhir.r4.core");
    if (str_ends(name, STR(".r4")))
        return str_cut(name, 0, name.len - 3);
    return arena_format(packages->arena, "%.*s.r4", STR_ARG(name));
}

static bool said_before(const Packages *packages, const char *code, Str text)
{
    for (size_t i = 0; i < packages->warning_count; i++)
        if (!strcmp(packages->warnings[i].code, code) &&
            str_starts(packages->warnings[i].text, text))
            return true;
    return false;
}

static void report(Packages *packages, const Member *member, const Dependency *want,
                   const Choice *got, Str got_name)
{
    const char *code = got->fit < 0 ? "missing" : "version-skew";
    if (got->fit < 0 && str_ends(want->name, STR(".examples")))
        return;
    Str text =
        arena_format(packages->arena, "%.*s#%.*s is ", STR_ARG(want->name), STR_ARG(want->version));
    if (said_before(packages, code, text))
        return;
    if (got->fit < 0)
        packages_warn(packages, code, member, "%.*snot here; what needs it goes unchecked",
                      STR_ARG(text));
    else if (got->fit < 3 || !str_eq(got_name, want->name))
        packages_warn(packages, code, member, "%.*snot here; %.*s#%.*s takes its place",
                      STR_ARG(text), STR_ARG(got_name), STR_ARG(got->version));
}

static bool resolve_one(Packages *packages, const Member *member, const Dependency *want,
                        Member **ret_member, Err *err)
{
    Choice best = {.fit = -1};
    Str name = want->name;
    choose_named(packages, name, want->version, &best);
    if (best.fit < 0) {
        name = other_name(packages, name);
        choose_named(packages, name, want->version, &best);
    }
    *ret_member = best.member;
    if (best.offer && !packages_add(packages, best.offer->path.ptr, false, ret_member, err))
        return false;
    report(packages, member, want, &best, name);
    return true;
}

/* spec: every R4 package rests on R4 core, whether it says so or not */
static bool add_core(Packages *packages, Member *member, Err *err)
{
    if (member->shown.kind == PACKAGE_CORE)
        return true;
    for (uint32_t i = 0; i < member->dependency_count; i++)
        if (str_is(member->dependencies[i].name, "hl7.fhir.r4.core") ||
            str_is(member->dependencies[i].name, "hl7.fhir.core"))
            return true;
    Dependency *more = ARENA_ARRAY(packages->arena, Dependency, member->dependency_count + 1);
    if (!more)
        return OUT_OF_MEMORY(err);
    for (uint32_t i = 0; i < member->dependency_count; i++)
        more[i] = member->dependencies[i];
    more[member->dependency_count++] = (Dependency){STR("hl7.fhir.r4.core"), STR("4.0.1")};
    member->dependencies = more;
    return true;
}

static bool resolve_member(Packages *packages, Member *member, Err *err)
{
    TRY(add_core(packages, member, err));
    member->resolved = ARENA_ARRAY(packages->arena, Member *, member->dependency_count);
    if (!member->resolved)
        return OUT_OF_MEMORY(err);
    for (uint32_t i = 0; i < member->dependency_count; i++)
        TRY(resolve_one(packages, member, &member->dependencies[i], &member->resolved[i], err));
    return true;
}

/* --- closures ------------------------------------------------------------------------------------
 */

typedef struct Order {
    const Package **list;
    uint32_t count;
    bool *seen;
} Order;

static void put(Order *order, const Member *member)
{
    if (!member || order->seen[member->shown.index])
        return;
    order->seen[member->shown.index] = true;
    order->list[order->count++] = &member->shown;
}

static bool comes_last(const Member *member)
{
    return member->shown.kind == PACKAGE_CORE || member->shown.kind == PACKAGE_EXPANSIONS;
}

static void put_closure(const Packages *packages, const Member *member, Order *order)
{
    if (packages->loose)
        put(order, packages->loose);
    put(order, member);
    for (uint32_t i = 0; i < order->count; i++) {
        const Member *m = packages->members[order->list[i]->index];
        if (m == packages->loose && m != member)
            continue;
        for (uint32_t d = 0; d < m->dependency_count; d++)
            if (m->resolved[d] && !comes_last(m->resolved[d]))
                put(order, m->resolved[d]);
    }
    for (uint32_t i = 0; i < packages->member_count; i++)
        if (!comes_last(packages->members[i]))
            put(order, packages->members[i]);
    for (uint32_t i = 0; i < packages->member_count; i++)
        if (packages->members[i]->shown.kind == PACKAGE_CORE)
            put(order, packages->members[i]);
    for (uint32_t i = 0; i < packages->member_count; i++)
        put(order, packages->members[i]);
}

static bool close_member(Packages *packages, Member *member, Err *err)
{
    uint32_t n = packages->member_count;
    Order order = {ARENA_ARRAY(packages->arena, const Package *, n), 0,
                   ARENA_ARRAY(packages->arena, bool, n)};
    member->rank = ARENA_ARRAY(packages->arena, uint16_t, n);
    if (!order.list || !order.seen || !member->rank)
        return OUT_OF_MEMORY(err);
    put_closure(packages, member, &order);
    for (uint32_t i = 0; i < order.count; i++)
        member->rank[order.list[i]->index] = (uint16_t)i;
    member->shown.closure = order.list;
    member->shown.closure_count = order.count;
    return true;
}

bool packages_resolve(Packages *packages, Err *err)
{
    if (!packages->options.no_dependencies)
        TRY(list_offers(packages, err));
    /* The set grows while we go through it. */
    for (uint32_t i = 0; i < packages->member_count; i++)
        TRY(resolve_member(packages, packages->members[i], err));
    for (uint32_t i = 0; i < packages->member_count; i++)
        TRY(close_member(packages, packages->members[i], err));
    return true;
}
