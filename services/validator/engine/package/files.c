#include "services/validator/engine/package/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 1024 };

static bool starts_and_cut(Str *path, Str prefix)
{
    if (!str_starts(*path, prefix))
        return false;
    *path = str_skip(*path, prefix.len);
    return true;
}

bool file_is_wanted(Str path, bool examples)
{
    if (!str_ends(path, STR(".json")) || !starts_and_cut(&path, STR("package/")))
        return false;
    if (examples && !starts_and_cut(&path, STR("example/")))
        starts_and_cut(&path, STR("other/"));
    return str_find_char(path, '/') == path.len && path.ptr[0] != '.';
}

/* spec: RFC 3629: shortest form, no surrogates, up to U+10FFFF */
static size_t utf8_step(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];
    if (c < 0x80)
        return 1;
    size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || left < need)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] > 0x9F) || (c == 0xF0 && p[1] < 0x90) ||
        (c == 0xF4 && p[1] > 0x8F))
        return 0;
    return need;
}

static bool name_is_clean(Str name)
{
    for (size_t i = 0; i < name.len;) {
        size_t step = utf8_step((const unsigned char *)name.ptr + i, name.len - i);
        unsigned char c = (unsigned char)name.ptr[i];
        if (!step || c < 0x20 || c == 0x7F || c == '\\')
            return false;
        i += step;
    }
    return true;
}

bool file_path_clean(Str name, Arena *arena, Str *ret_path, Err *err)
{
    if (name.len == 0 || name.len > PATH_BYTES_MAX || !name_is_clean(name))
        return ERR(err, ERR_INPUT, "package-name",
                   "the archive holds a file with an unusable name");
    if (name.ptr[0] == '/' || (name.len > 1 && name.ptr[1] == ':'))
        return ERR(err, ERR_INPUT, "package-path", "the archive holds an absolute path: %.*s",
                   STR_ARG(name));
    char *path = arena_alloc(arena, name.len + 1);
    if (!path)
        return OUT_OF_MEMORY(err);
    size_t len = 0;
    Str part;
    for (Str rest = name; str_split(&rest, '/', &part);) {
        if (str_is(part, ".."))
            return ERR(err, ERR_INPUT, "package-path", "the archive holds a path that climbs: %.*s",
                       STR_ARG(name));
        if (part.len == 0 || str_is(part, "."))
            continue;
        if (len)
            path[len++] = '/';
        memcpy(path + len, part.ptr, part.len);
        len += part.len;
    }
    *ret_path = (Str){path, len};
    return true;
}

bool files_add(FileList *list, Arena *arena, Str path, Str text, Err *err)
{
    if (list->count == list->room) {
        uint32_t room = list->room ? list->room * 2 : 256;
        list->files = arena_grow(arena, list->files, list->room * sizeof *list->files,
                                 room * sizeof *list->files);
        if (!list->files)
            return OUT_OF_MEMORY(err);
        list->room = room;
    }
    list->files[list->count] = (PackageFile){path, text, list->count};
    list->count++;
    return true;
}

static int by_path(const void *a, const void *b)
{
    const PackageFile *x = a, *y = b;
    int order = str_compare(x->path, y->path);
    return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

void files_settle(FileList *list)
{
    if (!list->count)
        return;
    qsort(list->files, list->count, sizeof *list->files, by_path);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        bool again = i + 1 < list->count && str_eq(list->files[i].path, list->files[i + 1].path);
        if (!again)
            list->files[kept++] = list->files[i];
    }
    list->count = kept;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool read_all(int fd, char *into, size_t len)
{
    for (size_t have = 0; have < len;) {
        ssize_t got = read(fd, into + have, len - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

bool file_read(const char *path, uint64_t limit, Arena *arena, Str *ret_bytes, Err *err)
{
    __attribute__((cleanup(close_fd))) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st))
        return ERR(err, ERR_INPUT, "package-unreadable", "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return ERR(err, ERR_INPUT, "package-unreadable", "%s: not a regular file", path);
    if ((uint64_t)st.st_size > limit)
        return ERR(err, ERR_INPUT, "package-too-large", "%s: more than %llu bytes", path,
                   (unsigned long long)limit);
    size_t len = (size_t)st.st_size;
    char *bytes = arena_alloc(arena, len + 1);
    if (!bytes)
        return OUT_OF_MEMORY(err);
    if (!read_all(fd, bytes, len))
        return ERR(err, ERR_INPUT, "package-unreadable", "%s: it changed while it was read", path);
    bytes[len] = '\0';
    *ret_bytes = (Str){bytes, len};
    return true;
}

bool path_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

typedef struct Walk {
    const PackageLimits *limits;
    Arena *arena;
    FileList *list;
    uint64_t bytes;
    uint32_t files;
    bool examples;
} Walk;

static bool walk_file(Walk *w, const char *path, const char *shown, Err *err)
{
    struct stat st;
    if (lstat(path, &st))
        return ERR(err, ERR_INPUT, "package-unreadable", "%s: %s", path, strerror(errno));
    if (S_ISLNK(st.st_mode))
        return ERR(err, ERR_INPUT, "package-link", "the package folder holds a link: %s", path);
    Str clean, text;
    TRY(file_path_clean(str_from(shown), w->arena, &clean, err));
    if (!S_ISREG(st.st_mode) || !file_is_wanted(clean, w->examples))
        return true;
    if (++w->files > w->limits->files)
        return ERR(err, ERR_INPUT, "package-files", "the folder holds more than %u files",
                   w->limits->files);
    TRY(file_read(path, w->limits->file_bytes, w->arena, &text, err));
    w->bytes += text.len;
    if (w->bytes > w->limits->bytes)
        return ERR(err, ERR_INPUT, "package-too-large", "the folder holds more than %llu bytes",
                   (unsigned long long)w->limits->bytes);
    return files_add(w->list, w->arena, clean, text, err);
}

static void close_folder(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

/* One level: `below` is "" or "example", "other". An absent folder is an empty one. */
static bool walk_folder(Walk *w, const char *base, const char *below, Err *err)
{
    char path[4096], shown[PATH_BYTES_MAX + 32];
    snprintf(path, sizeof path, "%s%s%s", base, *below ? "/" : "", below);
    __attribute__((cleanup(close_folder))) DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT ||
               ERR(err, ERR_INPUT, "package-unreadable", "%s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        int a =
            snprintf(path, sizeof path, "%s%s%s/%s", base, *below ? "/" : "", below, entry->d_name);
        int b = snprintf(shown, sizeof shown, "package/%s%s%s", below, *below ? "/" : "",
                         entry->d_name);
        if (a < 0 || (size_t)a >= sizeof path || b < 0 || (size_t)b >= sizeof shown)
            return ERR(err, ERR_INPUT, "package-path", "a path is too long below %s", base);
        TRY(walk_file(w, path, shown, err));
    }
    return true;
}

bool folder_files(const char *path, const PackageLimits *limits, bool examples, Arena *arena,
                  FileList *ret_files, Err *err)
{
    char base[4096];
    struct stat st;
    int len = snprintf(base, sizeof base, "%s/package/package.json", path);
    if (len < 0 || (size_t)len >= sizeof base)
        return ERR(err, ERR_INPUT, "package-path", "the path is too long: %s", path);
    bool nested = stat(base, &st) == 0;
    snprintf(base, sizeof base, nested ? "%s/package" : "%s", path);
    FileList list = {0};
    Walk walk = {.limits = limits, .arena = arena, .list = &list, .examples = examples};
    TRY(walk_folder(&walk, base, "", err));
    if (examples) {
        TRY(walk_folder(&walk, base, "example", err));
        TRY(walk_folder(&walk, base, "other", err));
    }
    files_settle(&list);
    *ret_files = list;
    return true;
}
