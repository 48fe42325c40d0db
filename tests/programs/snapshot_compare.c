/* snapshot_compare - our snapshots beside those that packages ship.
 *
 * usage: snapshot_compare [-d FOLDER]... [-v] [-t] [-r] [-u URL] PACKAGE...
 * For each StructureDefinition of the packages that has both differential and snapshot: the
 * snapshot is taken off, ours made, and the two compared element by element. Prints a line package
 * <name> <profiles> <identical> <elements> <identical elements> <texts identical> per package; -v:
 * a line per difference; -t: differences of texts too; -r: bases and types are remade as well; -u:
 * only this profile; -i: issues. */
#include <unistd.h>

#include "services/validator/engine/snapshot/snapshot.h"

typedef struct Options {
    bool verbose, texts, remake, issues;
    const char *url;
} Options;

typedef struct Score {
    size_t profiles, profiles_same, elements, elements_same, texts_same, failed, unstable;
} Score;

typedef struct Side {
    const JsonDoc *doc;
    const JsonNode *node;
} Side;

static Side get(Side s, const char *name)
{
    return (Side){s.doc, s.node ? json_get(s.doc, s.node, name) : NULL};
}

static Str text(Side s)
{
    return s.node && (s.node->kind == JSON_KIND_STRING || s.node->kind == JSON_KIND_NUMBER)
               ? json_text(s.node)
               : STR_NONE;
}

/* Values that mean the same written differently: absent and false, "#T.x" and its long form. */
static bool same_json(Side a, Side b);

static bool has_equal(Side item, Side list)
{
    JSON_EACH(list.doc, other, list.node)
    if (same_json(item, (Side){list.doc, other}))
        return true;
    return false;
}

static bool same_json(Side a, Side b)
{
    if (!a.node || !b.node)
        return a.node == b.node;
    if (a.node->kind != b.node->kind || a.node->count != b.node->count)
        return false;
    if (a.node->kind == JSON_KIND_OBJECT) {
        JSON_EACH(a.doc, m, a.node)
        if (!same_json((Side){a.doc, m}, (Side){b.doc, json_get_str(b.doc, b.node, json_key(m))}))
            return false;
        return true;
    }
    if (a.node->kind == JSON_KIND_ARRAY) {
        JSON_EACH(a.doc, m, a.node)
        if (!has_equal((Side){a.doc, m}, b))
            return false;
        return true;
    }
    return str_eq(json_text(a.node), json_text(b.node));
}

static bool same_plain(Side a, Side b, const char *name)
{
    return same_json(get(a, name), get(b, name));
}

static bool same_flag(Side a, Side b, const char *name)
{
    Side x = get(a, name), y = get(b, name);
    return (x.node && x.node->kind == JSON_KIND_TRUE) == (y.node && y.node->kind == JSON_KIND_TRUE);
}

static bool same_reference(Side a, Side b, const char *name)
{
    Str x = text(get(a, name)), y = text(get(b, name));
    return str_eq(str_skip(x, str_find_char(x, '#')), str_skip(y, str_find_char(y, '#')));
}

static size_t keys_missing(Side a, Side b, const char *list, const char *key)
{
    size_t missing = 0;
    Side x = get(a, list), y = get(b, list);
    if (!x.node)
        return 0;
    JSON_EACH(x.doc, item, x.node)
    {
        bool found = false;
        if (y.node)
            JSON_EACH(y.doc, other, y.node)
        found |= str_eq(text(get((Side){x.doc, item}, key)), text(get((Side){y.doc, other}, key)));
        missing += !found;
    }
    return missing;
}

static bool same_keys(Side a, Side b, const char *name)
{
    return !keys_missing(a, b, name, "key") && !keys_missing(b, a, name, "key");
}

/* IG publishers may pin a canonical to the version that they saw: url means url|version. */
static bool same_canonical(Side a, Side b)
{
    Str x = text(a), y = text(b);
    size_t x_bar = str_find_char(x, '|'), y_bar = str_find_char(y, '|');
    bool both = x_bar < x.len && y_bar < y.len;
    return both ? str_eq(x, y) : str_eq(str_cut(x, 0, x_bar), str_cut(y, 0, y_bar));
}

static bool same_canonicals(Side a, Side b, const char *name)
{
    Side x = get(a, name), y = get(b, name);
    if (!x.node || !y.node || x.node->count != y.node->count || x.node->kind != y.node->kind)
        return x.node == y.node;
    if (x.node->kind != JSON_KIND_ARRAY)
        return same_canonical(x, y);
    JSON_EACH(x.doc, item, x.node)
    {
        bool found = false;
        JSON_EACH(y.doc, other, y.node)
        found |= same_canonical((Side){x.doc, item}, (Side){y.doc, other});
        if (!found)
            return false;
    }
    return true;
}

static bool same_type(Side a, Side b)
{
    return same_plain(a, b, "code") && same_canonicals(a, b, "profile") &&
           same_canonicals(a, b, "targetProfile") && same_plain(a, b, "aggregation") &&
           same_plain(a, b, "versioning");
}

static bool same_types(Side a, Side b, const char *name)
{
    Side x = get(a, name), y = get(b, name);
    if (!x.node || !y.node)
        return x.node == y.node;
    if (x.node->count != y.node->count)
        return false;
    JSON_EACH(x.doc, item, x.node)
    {
        bool found = false;
        JSON_EACH(y.doc, other, y.node)
        found |= same_type((Side){x.doc, item}, (Side){y.doc, other});
        if (!found)
            return false;
    }
    return true;
}

static bool same_binding(Side a, Side b, const char *name)
{
    Side x = get(a, name), y = get(b, name);
    return same_plain(x, y, "strength") && same_canonicals(x, y, "valueSet") &&
           (x.node != NULL) == (y.node != NULL);
}

/* Some tools say for each extension element that it is sliced by url, some only where slices
 * follow. */
static bool is_no_slicing(Side element, Side slicing)
{
    const JsonNode *next = element.node->next ? element.doc->nodes + element.node->next : NULL;
    Str path = text(get(element, "path"));
    bool extension = str_ends(path, STR("xtension"));
    bool slices = next && str_eq(json_get_text(element.doc, next, "path"), path);
    return !slicing.node || (extension && !slices && str_is(text(get(slicing, "rules")), "open"));
}

static bool same_slicing(Side a, Side b, const char *name)
{
    Side x = get(a, name), y = get(b, name);
    if (is_no_slicing(a, x) && is_no_slicing(b, y))
        return true;
    return (x.node != NULL) == (y.node != NULL) && same_plain(x, y, "discriminator") &&
           same_plain(x, y, "rules") && same_flag(x, y, "ordered");
}

static bool same_choice(Side a, Side b, const char *prefix)
{
    Side sides[2] = {a, b};
    for (int i = 0; i < 2; i++)
        JSON_EACH(sides[i].doc, m, sides[i].node)
        {
            Side other = {sides[!i].doc, json_get_str(sides[!i].doc, sides[!i].node, json_key(m))};
            if (str_starts(json_key(m), str_from(prefix)) &&
                !same_json((Side){sides[i].doc, m}, other))
                return false;
        }
    return true;
}

/* The slices of an element imply its min: some tools write that down, some leave the base's. */
static uint64_t effective_min(Side element)
{
    uint64_t stated = 0, sum = 0, min;
    Str path = text(get(element, "path"));
    str_to_u64(text(get(element, "min")), &stated);
    const JsonNode *e = get(element, "sliceName").node ? NULL : element.node;
    while (e && e->next) {
        e = element.doc->nodes + e->next;
        Side other = {element.doc, e};
        Str below = text(get(other, "path"));
        if (str_eq(below, path) && str_to_u64(text(get(other, "min")), &min))
            sum += min;
        else if (!str_starts(below, path) || below.len <= path.len || below.ptr[path.len] != '.')
            break;
    }
    return stated > sum ? stated : sum;
}

static bool same_min(Side a, Side b, const char *name)
{
    (void)name;
    return effective_min(a) == effective_min(b);
}

typedef struct Check {
    const char *name;
    bool (*same)(Side a, Side b, const char *name);
} Check;

static const Check checks[] = {
    {"path",             same_plain    },
    {"sliceName",        same_plain    },
    {"min",              same_min      },
    {"max",              same_plain    },
    {"type",             same_types    },
    {"binding",          same_binding  },
    {"fixed",            same_choice   },
    {"pattern",          same_choice   },
    {"minValue",         same_choice   },
    {"maxValue",         same_choice   },
    {"maxLength",        same_plain    },
    {"constraint",       same_keys     },
    {"slicing",          same_slicing  },
    {"contentReference", same_reference},
    {"mustSupport",      same_flag     },
    {"isModifier",       same_flag     },
    {"isSummary",        same_flag     },
    {"base",             same_plain    },
};

static const Check texts[] = {
    {"short",        same_plain},
    {"definition",   same_plain},
    {"comment",      same_plain},
    {"requirements", same_plain},
    {"alias",        same_plain},
    {"mapping",      same_plain},
    {"example",      same_plain},
    {"condition",    same_plain},
    {"label",        same_plain},
    {"code",         same_plain},
};

static void show(const Options *o, Str url, Str id, const char *what, Side ours, Side theirs)
{
    if (!o->verbose)
        return;
    printf("diff %.*s %.*s %s", STR_ARG(url), STR_ARG(id), what);
    Side sides[2] = {get(ours, what), get(theirs, what)};
    for (int i = 0; i < 2; i++) {
        Str s = sides[i].node ? str_cut(sides[i].doc->source, sides[i].node->at, sides[i].node->end)
                              : STR("-");
        printf(" %s ", i ? "THEIRS" : "OURS");
        for (size_t c = 0; c < s.len && c < 3000; c++)
            if (s.ptr[c] != '\n' && (s.ptr[c] != ' ' || (c && s.ptr[c - 1] != ' ')))
                putchar(s.ptr[c]);
    }
    printf("\n");
}

static bool compare(const Options *o, Str url, Side ours, Side theirs, Score *score)
{
    bool same = true, same_texts = true;
    Str id = text(get(theirs, "id"));
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (!checks[i].same(ours, theirs, checks[i].name)) {
            same = false;
            show(o, url, id, checks[i].name, ours, theirs);
        }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!texts[i].same(ours, theirs, texts[i].name)) {
            same_texts = false;
            if (o->texts)
                show(o, url, id, texts[i].name, ours, theirs);
        }
    score->elements_same += same;
    score->texts_same += same_texts;
    return same;
}

static const JsonNode *by_id(Side list, Str id)
{
    JSON_EACH(list.doc, e, list.node)
    if (str_eq(json_get_text(list.doc, e, "id"), id))
        return e;
    return NULL;
}

static bool extra(const Options *o, Str url, Side ours, Side theirs, const char *word)
{
    bool none = true;
    JSON_EACH(ours.doc, e, ours.node)
    {
        Str id = json_get_text(ours.doc, e, "id");
        if (by_id(theirs, id))
            continue;
        none = false;
        if (o->verbose)
            printf("diff %.*s %.*s %s\n", STR_ARG(url), STR_ARG(id), word);
    }
    return none;
}

/* Common elements must come in the same order. */
static bool same_order(const Options *o, Str url, Side ours, Side theirs)
{
    const JsonNode *last = NULL;
    JSON_EACH(theirs.doc, e, theirs.node)
    {
        const JsonNode *mine = by_id(ours, json_get_text(theirs.doc, e, "id"));
        if (mine && last && mine < last) {
            if (o->verbose)
                printf("diff %.*s %.*s order\n", STR_ARG(url),
                       STR_ARG(json_get_text(theirs.doc, e, "id")));
            return false;
        }
        last = mine ? mine : last;
    }
    return true;
}

static Side elements(const JsonDoc *doc)
{
    return get(get((Side){doc, json_root(doc)}, "snapshot"), "element");
}

static void score_profile(const Options *o, Str url, const JsonDoc *ours_doc,
                          const JsonDoc *theirs_doc, Score *score)
{
    Side ours = elements(ours_doc), theirs = elements(theirs_doc);
    bool same = extra(o, url, ours, theirs, "only-ours");
    same &= extra(o, url, theirs, ours, "only-theirs");
    same &= same_order(o, url, ours, theirs);
    JSON_EACH(theirs.doc, e, theirs.node)
    {
        const JsonNode *mine = by_id(ours, json_get_text(theirs.doc, e, "id"));
        score->elements++;
        if (mine)
            same &= compare(o, url, (Side){ours.doc, mine}, (Side){theirs.doc, e}, score);
    }
    score->profiles_same += same;
    if (!same && o->verbose)
        printf("differs %.*s\n", STR_ARG(url));
}

/* A snapshot of a snapshot is itself: a profile that says nothing has the snapshot of its base. */
static void check_stable(Snapshots *set, const PackageResource *r, Score *score, const Options *o)
{
    ARENA_AUTO arena = arena_new((size_t)64 * 1024 * 1024);
    const JsonDoc *base, *made;
    JsonDoc silent;
    Err err = {0};
    Score result = {0};
    if (!snapshots_of(set, r, &base, &err))
        return;
    Side list = elements(base);
    Str root = json_get_text(list.doc, json_first(list.node), "path");
    Str text = arena_format(arena,
                            "{\"resourceType\":\"StructureDefinition\",\"url\":\"urn:silent\","
                            "\"kind\":\"%.*s\",\"type\":\"%.*s\",\"derivation\":\"constraint\","
                            "\"baseDefinition\":\"%.*s\",\"differential\":{\"element\":"
                            "[{\"id\":\"%.*s\",\"path\":\"%.*s\"}]}}",
                            STR_ARG(r->sd_kind), STR_ARG(r->sd_type), STR_ARG(r->url),
                            STR_ARG(root), STR_ARG(root));
    if (json_read(text, NULL, NULL, arena, &silent, NULL, &err) &&
        snapshots_generate(set, r->package, &silent, &made, &err))
        score_profile(&(Options){.verbose = o->verbose}, r->url, made, base, &result);
    if (result.profiles_same)
        return;
    score->unstable++;
    if (o->verbose)
        printf("unstable %.*s %s\n", STR_ARG(r->url), err.text);
}

static void compare_resource(Packages *packages, Snapshots *set, const PackageResource *r,
                             const Options *o, Score *score)
{
    const JsonDoc *theirs, *ours;
    Err err = {0};
    if (!str_is(r->type, "StructureDefinition") || !r->has_snapshot || !r->has_differential ||
        r->is_example || (o->url && !str_is(r->url, o->url)))
        return;
    score->profiles++;
    bool good = packages_doc(packages, r, &theirs, &err);
    if (good && (o->remake ? snapshots_of(set, r, &ours, &err)
                           : snapshots_generate(set, r->package, theirs, &ours, &err))) {
        score_profile(o, r->url, ours, theirs, score);
        check_stable(set, r, score, o);
        return;
    }
    score->failed++;
    printf("failed %.*s %s %s\n", STR_ARG(r->url), err.code, err.text);
}

static void print_issues(const Snapshots *set)
{
    for (size_t i = 0; i < snapshots_issue_count(set); i++) {
        const SnapshotIssue *issue = snapshots_issue(set, i);
        printf("issue %s %s %.*s %.*s: %.*s\n", snapshot_severity_name(issue->severity),
               issue->code, STR_ARG(issue->profile), STR_ARG(issue->element), STR_ARG(issue->text));
    }
}

static void run(Packages *packages, const Options *o)
{
    Snapshots *set = snapshots_new(packages, o->remake);
    for (size_t i = 0; i < packages_count(packages); i++) {
        const Package *p = packages_at(packages, i);
        Score score = {0};
        for (uint32_t r = 0; r < p->resource_count && p->asked_for; r++)
            compare_resource(packages, set, p->resources[r], o, &score);
        if (score.profiles)
            printf("package %.*s#%.*s %zu %zu %zu %zu %zu failed %zu unstable %zu\n",
                   STR_ARG(p->name), STR_ARG(p->version), score.profiles, score.profiles_same,
                   score.elements, score.elements_same, score.texts_same, score.failed,
                   score.unstable);
    }
    if (o->issues)
        print_issues(set);
    snapshots_free(set);
}

int main(int argc, char **argv)
{
    const char *folders[16];
    PackagesOptions options = {.folders = folders};
    Options o = {0};
    for (int c; (c = getopt(argc, argv, "d:vtriu:")) != -1;) {
        if (c == 'd' && options.folder_count < 16)
            folders[options.folder_count++] = optarg;
        o.verbose |= c == 'v';
        o.texts |= c == 't';
        o.remake |= c == 'r';
        o.issues |= c == 'i';
        if (c == 'u')
            o.url = optarg;
    }
    options.paths = (const char *const *)(void *)(argv + optind);
    options.path_count = (size_t)(argc - optind);
    Err err = {0};
    PACKAGES_AUTO packages = NULL;
    if (!packages_load(&options, &packages, &err)) {
        fprintf(stderr, "%s: %s\n", err.code, err.text);
        return 1;
    }
    run(packages, &o);
    return 0;
}
