/* package - FHIR packages -> an index of conformance resources, read on demand.
 *
 * Spec:    confluence "NPM Package Specification"; hl7.org/fhir/R4/references.html#canonical
 * Owner:   a Packages owns an arena: all Package, PackageResource, Str and JsonDoc it hands out
 *          live as long as it does.
 * Threads: one thread while documents are read (packages_doc fills a cache).
 * Errors:  ERR_INPUT "package-..." for a path that was asked for and cannot be used (unreadable,
 *          hostile, no package.json, another FHIR version), "memory-limit". What a closure lacks is
 *          a PackageWarning, never an error.
 * Limits:  PackageLimits, per archive or folder; JSON depth 128 and 20 million values per file.
 *
 * A path is a package (.tgz, or a folder with package/package.json or package.json) or a loose
 * resource (.json). Only files directly in package/ are read (example/ and other/ on demand), and
 * of those only the canonical types (package_type_is_kept); .index.json is never believed.
 *
 * Dependencies, for each package in order of declaration:
 *   1. the version asked for, among the paths, then in the folder;
 *   2. else, with warning "version-skew", another version of that name: of the paths before the
 *      folder; same major.minor before same major before others; the highest of those;
 *      4.0.x, 4.0, latest, current, dev, * mean "the highest that fits" and give no warning;
 *   3. else NAME.r4 (and NAME for NAME.r4) by the same rules: hl7.fhir.uv.extensions is satisfied
 *      by hl7.fhir.uv.extensions.r4;
 *   4. else warning "missing", and work goes on.
 * Every package depends on hl7.fhir.r4.core 4.0.1, declared or not.
 *
 * The closure of a package, in order of precedence: loose resources, itself, its dependencies by
 * distance (breadth first, in order of declaration), every other package of the set in the order of
 * loading, core packages (so that hl7.terminology's newer copies win over those in R4 core), then
 * expansions packages. So nothing that is loaded is out of reach; what is near hides what is far.
 * Packages of type fhir.examples are loaded only when asked for by path.
 */
#pragma once
#include "common/json/json.h"

typedef struct Packages Packages;

typedef enum PackageKind {
    PACKAGE_IG,
    PACKAGE_CORE,       /* hl7.fhir.rN.core */
    PACKAGE_EXPANSIONS, /* hl7.fhir.rN.expansions: value sets with their expansion */
    PACKAGE_LOOSE,      /* the resources that were given as files; at most one, name "" */
} PackageKind;

typedef struct PackageResource PackageResource;

typedef struct Package {
    Str name;    /* "us.ny.hrsn" */
    Str version; /* "1.8.1" */
    Str canonical;
    Str fhir_version; /* the first one declared; empty if none is */
    Str path;
    PackageKind kind;
    bool asked_for; /* one of the paths, not only a dependency */
    uint32_t index; /* in the set */
    /* by type, then file name; each (type, url, version) once */
    const PackageResource *const *resources;
    uint32_t resource_count;
    const struct Package *const *closure; /* itself (or the loose ones) first */
    uint32_t closure_count;
} Package;

struct PackageResource { /* empty where the resource does not say */
    Str type;            /* resourceType */
    Str id;
    Str url;
    Str version;
    Str name;
    Str file; /* "StructureDefinition-us-core-patient.json" */
    Str text; /* the JSON, without BOM */
    const Package *package;
    bool is_example; /* from example/ or other/ */
    /* of a StructureDefinition */
    Str sd_kind;       /* primitive-type, complex-type, resource, logical */
    Str sd_type;       /* what it constrains or defines: "Patient" */
    Str sd_base;       /* baseDefinition */
    Str sd_derivation; /* specialization, constraint */
    bool has_snapshot;
    bool has_differential;
    uint32_t index; /* in the set: for tables beside it */
};

typedef struct PackageLimits { /* 0: the default in brackets */
    uint64_t bytes;            /* unpacked, all files of one package (1 GiB) */
    uint64_t file_bytes;       /* unpacked, one file (256 MiB) */
    uint32_t files;            /* (100 000) */
    uint32_t ratio;            /* unpacked : packed, once above 16 MiB (200) */
    size_t memory_bytes;       /* of the whole set (6 GiB) */
} PackageLimits;

typedef struct PackagesOptions {
    const char *const *paths; /* packages and loose resources; the first package is the root */
    size_t path_count;
    const char *const *folders; /* where dependencies are looked for, in this order:
                                   NAME-VERSION.tgz, NAME#VERSION.tgz, NAME#VERSION/ (any file
                                   beginning with NAME; its package.json decides) */
    size_t folder_count;
    bool no_dependencies; /* load the paths only; what they depend on counts if it is among them */
    bool examples;        /* read example/ and other/ too, and resources of every type there */
    const JsonNames *names; /* handed to json_read; may be NULL; must outlive the set */
    PackageLimits limits;
} PackagesOptions;

bool packages_load(const PackagesOptions *options, Packages **ret_packages, Err *err) MUST_USE;
void packages_free(Packages *packages); /* NULL is fine */
#define PACKAGES_AUTO __attribute__((cleanup(packages_cleanup))) Packages *
static inline void packages_cleanup(Packages **packages)
{
    packages_free(*packages);
}

typedef struct PackageWarning {
    const char *code; /* "missing", "version-skew", "fhir-version", "duplicate", "unreadable" */
    Str package;      /* NAME#VERSION that it was found in */
    Str text;         /* one sentence for operators */
} PackageWarning;
size_t packages_warning_count(const Packages *packages);
const PackageWarning *packages_warning(const Packages *packages, size_t index);

/* In the order of loading: the paths, then dependencies as they were met. */
size_t packages_count(const Packages *packages);
const Package *packages_at(const Packages *packages, size_t index);
const Package *
packages_root(const Packages *packages); /* first package asked for, or loose, or NULL */
/* NAME or NAME#VERSION, or NULL; without version the first one loaded. */
const Package *packages_named(const Packages *packages, Str name);
/* Resources of the set: indexes of PackageResource are below this. */
size_t packages_resource_count(const Packages *packages);

/* The resource that `canonical` (url, url|version, a #fragment is ignored) means for a resource of
 * package `from` (NULL: the root): the first match along from's closure. Without |version, within a
 * package the highest version wins. With |version: the same version; else the same major.minor;
 * else NULL. `type` empty: any type. */
const PackageResource *packages_find(const Packages *packages, const Package *from, Str type,
                                     Str canonical);
/* The same, but with |version unmatched it takes any version: *ret_skewed (may be NULL) says so. */
const PackageResource *packages_find_any(const Packages *packages, const Package *from, Str type,
                                         Str canonical, bool *ret_skewed);
/* A value set of an expansions package, or NULL. */
const PackageResource *packages_find_expansion(const Packages *packages, Str canonical);
/* By type and id in one package: "StructureDefinition", "us-core-patient". */
const PackageResource *packages_find_id(const Package *package, Str type, Str id);

/* The n-th resource of `type` along from's closure (NULL: the root), each (url, version) once, or
 * NULL behind the last: for (i = 0; (r = packages_each(p, from, STR("ValueSet"), i)); i++).
 * Nearest first. Expansions packages are left out. */
const PackageResource *packages_each(Packages *packages, const Package *from, Str type, size_t n);

/* Reads the resource's JSON (once). */
bool packages_doc(Packages *packages, const PackageResource *resource, const JsonDoc **ret_doc,
                  Err *err) MUST_USE;
/* The arena that dies with the set: for things derived from it, snapshots for instance. */
Arena *packages_arena(Packages *packages);

bool package_type_is_kept(Str resource_type);
/* <0, 0, >0; numeric parts by number, a label (-ballot) before the release: semver. */
int package_version_compare(Str a, Str b);
