/* internal - what the files of this folder share; nobody else includes it.
 *
 * bytes -> FileList (archive.c, folder.c) -> Manifest + PackageResource (read.c)
 *       -> the set (load.c) -> dependencies and closures (closure.c) -> lookup (find.c). */
#pragma once
#include "services/validator/engine/package/package.h"

typedef struct PackageFile {
    Str path; /* "package/StructureDefinition-x.json", '/' between parts */
    Str text;
    uint32_t order;
} PackageFile;

typedef struct FileList {
    PackageFile *files;
    uint32_t count;
    uint32_t room;
} FileList;

/* Which files are worth memory: JSON in package/ and, with `examples`, below example/ and other/.
 */
bool file_is_wanted(Str path, bool examples);
/* A name that stays inside the package: relative, no "..", no backslash, no control characters,
 * UTF-8. "./" in front and doubled slashes are cut; the result lies in the arena. */
bool file_path_clean(Str name, Arena *arena, Str *ret_path, Err *err);
bool files_add(FileList *list, Arena *arena, Str path, Str text, Err *err);
/* By path; of a path that occurs twice the last one stays, as unpacking would have it. */
void files_settle(FileList *list);

/* A tar, packed with gzip or not. */
bool archive_files(Str bytes, const PackageLimits *limits, bool examples, Arena *arena,
                   FileList *ret_files, Err *err);
/* Reads no further than package/package.json. */
bool archive_manifest(Str bytes, const PackageLimits *limits, Arena *arena, Str *ret_json,
                      Err *err);
/* `path` holds package/package.json or package.json. */
bool folder_files(const char *path, const PackageLimits *limits, bool examples, Arena *arena,
                  FileList *ret_files, Err *err);
bool file_read(const char *path, uint64_t limit, Arena *arena, Str *ret_bytes, Err *err);
bool path_is_folder(const char *path);

typedef struct Dependency {
    Str name;
    Str version;
} Dependency;

typedef struct Manifest {
    Str name, version, canonical, fhir_version;
    Str type;         /* "fhir.core", "IG", ... */
    bool fhir_fits;   /* 4.0.x, or says nothing */
    bool fhir_nearly; /* 4.3.x */
    Dependency *dependencies;
    uint32_t dependency_count;
} Manifest;

bool manifest_read(Str json, Arena *arena, Manifest *ret_manifest, Err *err);
/* Only package.json of a .tgz or folder: to see whether a file is the dependency looked for. */
bool manifest_peek(const char *path, const PackageLimits *limits, Arena *arena,
                   Manifest *ret_manifest, Err *err);
PackageKind manifest_kind(const Manifest *manifest);

/* The top-level facts of a resource, without building its tree: false if it is no JSON object with
 * a resourceType. Strings point into `json`, or into `arena` if they had escapes. */
bool resource_scan(Str json, Arena *arena, PackageResource *ret_resource);
Str strip_bom(Str bytes);

/* "4.0.x", "latest", "current$branch", "*": any version that fits will do. */
bool version_is_wildcard(Str wanted);
/* How well `have` serves a wish for `wanted`: 3 exact or wildcard matched, 2 same major.minor, 1
 * same major, 0 another. */
int version_fit(Str wanted, Str have);

/* What a folder offers; the manifest is read when a dependency's name fits the file's. */
typedef struct Offer {
    Str path;
    Str file;
    bool asked; /* the manifest was looked at */
    bool usable;
    Str name, version;
    bool is_examples;
} Offer;

typedef struct Member { /* a package of the set, with what only this folder needs */
    Package shown;
    Dependency *dependencies;
    struct Member **resolved; /* [dependency_count], NULL: missing */
    uint32_t dependency_count;
    bool is_examples; /* type fhir.examples: never a dependency */
    uint16_t *rank;   /* [member count] position in the closure */
} Member;

typedef struct EachList {
    struct EachList *next;
    const Package *from;
    Str type;
    const PackageResource **resources;
    size_t count;
} EachList;

struct Packages {
    Arena *arena;
    PackagesOptions options;
    Member **members;
    uint32_t member_count, member_room;
    Member *root;
    Member *loose;
    Offer *offers; /* of the folders, in order of folder, then name */
    size_t offer_count;
    PackageWarning *warnings;
    size_t warning_count, warning_room;
    /* find.c */
    const PackageResource **all; /* [resource_count] by PackageResource.index */
    size_t resource_count;
    uint32_t *slots; /* open addressing by url: index + 1 of the chain's first resource */
    uint32_t slot_count;
    uint32_t *chain; /* [resource_count] index + 1 of the next resource with that url */
    const JsonDoc **docs;
    EachList *each;
};

void packages_warn(Packages *packages, const char *code, const Member *in, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Turns files into the member's resources. */
bool member_read(Packages *packages, Member *member, const FileList *files, Err *err);
bool packages_resolve(Packages *packages, Err *err); /* dependencies, closures, ranks */
bool packages_index(Packages *packages, Err *err);   /* the table by url */
/* Loads a package and adds it to the set. */
bool packages_add(Packages *packages, const char *path, bool asked_for, Member **ret_member,
                  Err *err);

#define OUT_OF_MEMORY(err)                                                                         \
    ERR((err), ERR_INPUT, "memory-limit", "packages exceed their memory limit")
