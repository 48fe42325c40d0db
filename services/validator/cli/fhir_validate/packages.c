#include "services/validator/cli/fhir_validate/packages.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/validator/engine/fhir_compile.h"

enum { PATHS_MAX = 512, FOLDERS_MAX = 128 };
static const size_t COMPILE_BYTES = (size_t)4 << 30;

typedef struct Lists {
    Arena *arena;
    const char *paths[PATHS_MAX];
    size_t path_count;
    const char *folders[FOLDERS_MAX];
    size_t folder_count;
    Str root; /* what goes first */
} Lists;

static bool is_folder(const char *path)
{
    struct stat info;
    return path && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_package_folder(Lists *lists, const char *path)
{
    return access(arena_format(lists->arena, "%s/package/package.json", path).ptr, R_OK) == 0 ||
           access(arena_format(lists->arena, "%s/package.json", path).ptr, R_OK) == 0;
}

static void add_folder(Lists *lists, const char *path)
{
    if (!is_folder(path) || lists->folder_count == FOLDERS_MAX)
        return;
    for (size_t i = 0; i < lists->folder_count; i++)
        if (strcmp(lists->folders[i], path) == 0)
            return;
    lists->folders[lists->folder_count++] = arena_copy(lists->arena, str_from(path)).ptr;
}

/* us.ny.hrsn-1.8.1.tgz, us.ny.hrsn#1.8.1, us.ny.hrsn@1.8.1.tgz are us.ny.hrsn#1.8.1. */
static bool is_root(Str root, const char *path)
{
    const char *slash = strrchr(path, '/');
    Str file = str_from(slash ? slash + 1 : path),
        name = str_cut(root, 0, str_find_char(root, '#'));
    if (!root.len || !str_starts(file, name) || file.len == name.len ||
        !strchr("-#@", file.ptr[name.len]))
        return false;
    Str version = str_skip(root, name.len + 1), rest = str_skip(file, name.len + 1);
    return !version.len || str_eq(rest, version) ||
           (str_starts(rest, version) && str_ends(rest, STR(".tgz")) &&
            rest.len == version.len + 4);
}

static void add_path(Lists *lists, const char *path)
{
    if (lists->path_count == PATHS_MAX)
        return;
    lists->paths[lists->path_count++] = path;
    if (lists->path_count > 1 && is_root(lists->root, path) &&
        !is_root(lists->root, lists->paths[0])) {
        const char *first = lists->paths[0];
        lists->paths[0] = path;
        lists->paths[lists->path_count - 1] = first;
    }
}

static int is_package_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The packages of a folder, or its loose resources. */
static void add_entries(Lists *lists, const char *folder, bool loose)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_package_name, alphasort);
    for (int i = 0; i < count; i++) {
        const char *path = arena_format(lists->arena, "%s/%s", folder, entries[i]->d_name).ptr;
        bool wanted = loose ? str_ends(str_from(path), STR(".json"))
                            : str_ends(str_from(path), STR(".tgz")) ||
                                  (is_folder(path) && is_package_folder(lists, path));
        if (wanted)
            add_path(lists, path);
        free(entries[i]);
    }
    free(entries);
}

static bool add_all_of(Lists *lists, const char *folder, Err *err)
{
    size_t before = lists->path_count;
    add_entries(lists, folder, false);
    if (lists->path_count == before)
        add_entries(lists, folder, true);
    add_folder(lists, folder);
    return lists->path_count > before ||
           ERR(err, ERR_INPUT, "package-path",
               "%s: neither a package nor a folder with packages or resources", folder);
}

static bool add_package(Lists *lists, const char *path, Err *err)
{
    if (access(path, R_OK) != 0)
        return ERR(err, ERR_INPUT, "package-path", "%s: %s", path, strerror(errno));
    if (is_folder(path) && !is_package_folder(lists, path))
        return add_all_of(lists, path, err);
    add_path(lists, path);
    char *copy = strdup(path);
    if (copy)
        add_folder(lists, dirname(copy));
    free(copy);
    return true;
}

static void add_usual_folders(Lists *lists)
{
    char program[PATH_BYTES_MAX];
    const char *home = getenv("HOME");
    Str list = str_from(getenv("FHIR_PACKAGES")), one;
    while (list.ptr && str_split(&list, ':', &one))
        if (one.len)
            add_folder(lists, arena_copy(lists->arena, one).ptr);
    if (home)
        add_folder(lists, arena_format(lists->arena, "%s/.fhir/packages", home).ptr);
    add_folder(lists, "packages");
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len > 0) {
        program[len] = '\0';
        const char *folder = dirname(program);
        add_folder(lists, arena_format(lists->arena, "%s/../../packages", folder).ptr);
        add_folder(lists, arena_format(lists->arena, "%s/../share/fhirbus/packages", folder).ptr);
    }
}

static bool compile(const Lists *lists, FhirReference reference, const char *image, Err *err)
{
    FhirCompileOptions options = {.packages = lists->paths,
                                  .package_count = lists->path_count,
                                  .folders = lists->folders,
                                  .folder_count = lists->folder_count,
                                  .reference = reference};
    FhirCompileReport report;
    ARENA_AUTO arena = arena_new(COMPILE_BYTES);
    if (!arena)
        return ERR(err, ERR_FATAL, "memory", "no memory to compile");
    TRY(fhir_compile(&options, image, arena, &report, err));
    for (size_t i = 0; i < report.warning_count; i++)
        fprintf(stderr, "fhir-validate: warning: %.*s\n", STR_ARG(report.warnings[i]));
    return true;
}

static bool find_packages(const Settings *settings, Lists *lists, Err *err)
{
    lists->root = settings->ig;
    for (size_t i = 0; i < settings->package_count; i++)
        TRY(add_package(lists, settings->packages[i], err));
    add_usual_folders(lists);
    if (arena_exhausted(lists->arena))
        return ERR(err, ERR_FATAL, "memory", "no memory");
    return true;
}

/* The image is unlinked as soon as it is mapped. */
static bool open_all(const Settings *settings, const char *compiled, FhirValidator **ret_validator,
                     Err *err)
{
    const char *images[IMAGES_MAX + 1];
    size_t count = 0;
    if (compiled)
        images[count++] = compiled;
    for (size_t i = 0; i < settings->image_count; i++)
        images[count++] = settings->images[i];
    return fhir_validator_open(images, count, ret_validator, err);
}

bool packages_open(const Settings *settings, FhirValidator **ret_validator, Err *err)
{
    if (settings->package_count == 0)
        return open_all(settings, NULL, ret_validator, err);
    ARENA_AUTO arena = arena_new(16 << 20);
    Lists lists = {.arena = arena};
    if (!arena)
        return ERR(err, ERR_FATAL, "memory", "no memory");
    TRY(find_packages(settings, &lists, err));
    const char *folder = getenv("TMPDIR");
    char path[PATH_BYTES_MAX];
    int len =
        snprintf(path, sizeof path, "%s/fhir-validate.XXXXXX", folder && *folder ? folder : "/tmp");
    int file = len > 0 && (size_t)len < sizeof path ? mkstemp(path) : -1;
    if (file < 0)
        return ERR(err, ERR_FATAL, "image-read", "%s: %s", path, strerror(errno));
    close(file);
    bool ok = compile(&lists, settings->reference, path, err) &&
              open_all(settings, path, ret_validator, err);
    unlink(path);
    return ok;
}
