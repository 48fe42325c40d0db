#include "services/validator/engine/package/internal.h"

#include <stdarg.h>

#include "common/base/check.h"

/* The set: paths -> members, dependencies -> more members. closure.c orders what find.c looks up.
 */

enum { MEMBERS_MAX = 1000 };

void packages_warn(Packages *packages, const char *code, const Member *in, const char *format, ...)
{
    char text[500];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (packages->warning_count == packages->warning_room) {
        size_t room = packages->warning_room ? packages->warning_room * 2 : 16;
        PackageWarning *grown =
            arena_grow(packages->arena, packages->warnings, packages->warning_room * sizeof *grown,
                       room * sizeof *grown);
        if (!grown)
            return; /* the arena stays exhausted: the load fails anyway */
        packages->warnings = grown;
        packages->warning_room = room;
    }
    Str name = STR_NONE;
    if (in && in->shown.name.len)
        name = arena_format(packages->arena, "%.*s#%.*s", STR_ARG(in->shown.name),
                            STR_ARG(in->shown.version));
    packages->warnings[packages->warning_count++] =
        (PackageWarning){code, name, arena_copy(packages->arena, str_from(text))};
}

static bool member_new(Packages *packages, Member **ret_member, Err *err)
{
    if (packages->member_count >= MEMBERS_MAX)
        return ERR(err, ERR_INPUT, "package-count", "more than %d packages", MEMBERS_MAX);
    if (packages->member_count == packages->member_room) {
        uint32_t room = packages->member_room ? packages->member_room * 2 : 16;
        Member **grown = arena_grow(packages->arena, packages->members,
                                    packages->member_room * sizeof *grown, room * sizeof *grown);
        if (!grown)
            return OUT_OF_MEMORY(err);
        packages->members = grown;
        packages->member_room = room;
    }
    Member *member = ARENA_NEW(packages->arena, Member);
    if (!member)
        return OUT_OF_MEMORY(err);
    member->shown.index = packages->member_count;
    packages->members[packages->member_count++] = member;
    *ret_member = member;
    return true;
}

static bool find_manifest(const FileList *files, Str *ret_json, const char *path, Err *err)
{
    for (uint32_t i = 0; i < files->count; i++) {
        if (!str_is(files->files[i].path, "package/package.json"))
            continue;
        *ret_json = files->files[i].text;
        return true;
    }
    return ERR(err, ERR_INPUT, "package-manifest", "%s holds no package/package.json", path);
}

/* A .tgz's own bytes are needed only while it is unpacked. */
static bool read_files(const char *path, const PackageLimits *limits, bool examples, Arena *arena,
                       FileList *ret_files, Err *err)
{
    if (path_is_folder(path))
        return folder_files(path, limits, examples, arena, ret_files, err);
    ARENA_AUTO packed = arena_new((size_t)limits->bytes + 1024);
    Str bytes;
    TRY(file_read(path, limits->bytes, packed, &bytes, err));
    Err why = {0};
    return archive_files(bytes, limits, examples, arena, ret_files, &why) ||
           ERR(err, why.kind, why.code, "%s: %s", path, why.text);
}

static bool check_fhir_version(Packages *packages, const Manifest *manifest, const Member *member,
                               const char *path, Err *err)
{
    if (manifest->fhir_fits)
        return true;
    if (!manifest->fhir_nearly)
        return ERR(err, ERR_INPUT, "package-fhir-version", "%s is for FHIR %.*s, not for R4", path,
                   STR_ARG(manifest->fhir_version));
    packages_warn(packages, "fhir-version", member, "it is for FHIR %.*s and is read as R4",
                  STR_ARG(manifest->fhir_version));
    return true;
}

static Member *loaded(const Packages *packages, Str name, Str version)
{
    for (uint32_t i = 0; i < packages->member_count; i++) {
        Member *m = packages->members[i];
        if (str_eq(m->shown.name, name) && str_eq(m->shown.version, version))
            return m;
    }
    return NULL;
}

bool packages_add(Packages *packages, const char *path, bool asked_for, Member **ret_member,
                  Err *err)
{
    FileList files;
    Str json;
    Manifest manifest;
    TRY(read_files(path, &packages->options.limits, packages->options.examples, packages->arena,
                   &files, err));
    TRY(find_manifest(&files, &json, path, err));
    Err why = {0};
    if (!manifest_read(json, packages->arena, &manifest, &why))
        return ERR(err, why.kind, why.code, "%s: %s", path, why.text);
    *ret_member = loaded(packages, manifest.name, manifest.version);
    if (*ret_member) {
        packages_warn(packages, "duplicate", *ret_member, "%s holds it once more and is left out",
                      path);
        return true;
    }
    Member *member;
    TRY(member_new(packages, &member, err));
    *ret_member = member;
    member->shown = (Package){
        .name = manifest.name,
        .version = manifest.version,
        .canonical = manifest.canonical,
        .fhir_version = manifest.fhir_version,
        .path = arena_copy(packages->arena, str_from(path)),
        .kind = manifest_kind(&manifest),
        .asked_for = asked_for,
        .index = member->shown.index,
    };
    TRY(check_fhir_version(packages, &manifest, member, path, err));
    member->dependencies = manifest.dependencies;
    member->dependency_count = manifest.dependency_count;
    member->is_examples = str_is(manifest.type, "fhir.examples");
    if (asked_for && !packages->root)
        packages->root = member;
    return member_read(packages, member, &files, err);
}

/* --- loose resources ---------------------------------------------------------------------------
 */

static bool is_loose(const char *path, bool *ret_loose, Err *err)
{
    *ret_loose = false;
    if (path_is_folder(path))
        return true;
    FILE *file = fopen(path, "rbe");
    if (!file)
        return ERR(err, ERR_INPUT, "package-unreadable", "%s: %m", path);
    unsigned char head[2] = {0};
    size_t got = fread(head, 1, sizeof head, file);
    fclose(file);
    bool gzip = got == 2 && head[0] == 0x1F && head[1] == 0x8B;
    *ret_loose = !gzip && str_ends(str_from(path), STR(".json"));
    return true;
}

static bool loose_files(Packages *packages, FileList *ret_files, Err *err)
{
    FileList files = {0};
    for (size_t i = 0; i < packages->options.path_count; i++) {
        const char *path = packages->options.paths[i];
        bool loose;
        TRY(is_loose(path, &loose, err));
        if (!loose)
            continue;
        Str text, name = str_from(path);
        TRY(file_read(path, packages->options.limits.file_bytes, packages->arena, &text, err));
        PackageResource probe;
        if (!resource_scan(strip_bom(text), packages->arena, &probe))
            return ERR(err, ERR_INPUT, "package-resource", "%s is no JSON resource", path);
        if (!package_type_is_kept(probe.type))
            return ERR(err, ERR_INPUT, "package-resource",
                       "%s is a %.*s; only definitions can be loaded", path, STR_ARG(probe.type));
        name = arena_copy(packages->arena, name);
        if (!name.ptr)
            return OUT_OF_MEMORY(err);
        TRY(files_add(&files, packages->arena, name, text, err));
    }
    *ret_files = files;
    return true;
}

static bool add_loose(Packages *packages, Err *err)
{
    FileList files;
    TRY(loose_files(packages, &files, err));
    if (!files.count)
        return true;
    Member *member;
    TRY(member_new(packages, &member, err));
    member->shown.kind = PACKAGE_LOOSE;
    member->shown.asked_for = true;
    packages->loose = member;
    return member_read(packages, member, &files, err);
}

/* --- the door ----------------------------------------------------------------------------------
 */

static void set_default_limits(PackageLimits *limits)
{
    if (!limits->bytes)
        limits->bytes = 1024ull * 1024 * 1024;
    if (!limits->file_bytes)
        limits->file_bytes = 256ull * 1024 * 1024;
    if (!limits->files)
        limits->files = 100000;
    if (!limits->ratio)
        limits->ratio = 200;
    if (!limits->memory_bytes)
        limits->memory_bytes = 6ull * 1024 * 1024 * 1024;
}

static bool load_all(Packages *packages, Err *err)
{
    for (size_t i = 0; i < packages->options.path_count; i++) {
        bool loose;
        Member *member;
        TRY(is_loose(packages->options.paths[i], &loose, err));
        if (!loose)
            TRY(packages_add(packages, packages->options.paths[i], true, &member, err));
    }
    TRY(add_loose(packages, err));
    TRY(packages_resolve(packages, err));
    TRY(packages_index(packages, err));
    return arena_exhausted(packages->arena) ? OUT_OF_MEMORY(err) : true;
}

bool packages_load(const PackagesOptions *options, Packages **ret_packages, Err *err)
{
    Packages *packages = calloc(1, sizeof *packages);
    CHECK(packages);
    packages->options = *options;
    set_default_limits(&packages->options.limits);
    packages->arena = arena_new(packages->options.limits.memory_bytes);
    if (!load_all(packages, err)) {
        packages_free(packages);
        return false;
    }
    *ret_packages = packages;
    return true;
}

void packages_free(Packages *packages)
{
    if (!packages)
        return;
    arena_free(packages->arena);
    free(packages);
}

bool manifest_peek(const char *path, const PackageLimits *limits, Arena *arena,
                   Manifest *ret_manifest, Err *err)
{
    if (!path_is_folder(path)) {
        Str bytes, json;
        TRY(file_read(path, limits->bytes, arena, &bytes, err));
        TRY(archive_manifest(bytes, limits, arena, &json, err));
        return manifest_read(json, arena, ret_manifest, err);
    }
    static const char *const places[] = {"package/package.json", "package.json"};
    for (size_t i = 0; i < 2; i++) {
        Str json, full = arena_format(arena, "%s/%s", path, places[i]);
        if (full.ptr && file_read(full.ptr, limits->file_bytes, arena, &json, NULL))
            return manifest_read(json, arena, ret_manifest, err);
    }
    return ERR(err, ERR_INPUT, "package-manifest", "%s holds no package.json", path);
}
