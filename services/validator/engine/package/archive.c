#include "services/validator/engine/package/internal.h"

#include <archive.h>
#include <archive_entry.h>

/* An archive is refused whole when anything in it is not what a package may hold: what is hostile
 * in one member is not to be trusted in another. */

enum { RATIO_FREE_BYTES = 16 * 1024 * 1024, READ_BYTES = 1024 * 1024 };

static void archive_cleanup(struct archive **archive)
{
    archive_read_free(*archive);
}

typedef struct Unpacking {
    struct archive *archive;
    const PackageLimits *limits;
    Arena *arena;
    uint64_t bytes;
    uint32_t files;
} Unpacking;

static bool check_kind(struct archive_entry *entry, Str path, Err *err)
{
    mode_t kind = archive_entry_filetype(entry);
    if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) || kind == AE_IFLNK)
        return ERR(err, ERR_INPUT, "package-link", "the archive holds a link: %.*s", STR_ARG(path));
    if (kind != AE_IFREG && kind != AE_IFDIR)
        return ERR(err, ERR_INPUT, "package-special-file",
                   "the archive holds something that is neither file nor folder: %.*s",
                   STR_ARG(path));
    return true;
}

static bool check_bomb(Unpacking *u, size_t more, Err *err)
{
    u->bytes += more;
    if (u->bytes > u->limits->bytes)
        return ERR(err, ERR_INPUT, "package-too-large",
                   "the archive unpacks to more than %llu bytes",
                   (unsigned long long)u->limits->bytes);
    int64_t packed = archive_filter_bytes(u->archive, -1);
    if (u->bytes > RATIO_FREE_BYTES && packed > 0 &&
        u->bytes / (uint64_t)packed >= u->limits->ratio)
        return ERR(err, ERR_INPUT, "package-ratio",
                   "the archive unpacks to more than %u times its size", u->limits->ratio);
    return true;
}

static bool read_error(Unpacking *u, Err *err)
{
    const char *why = archive_error_string(u->archive);
    return ERR(err, ERR_INPUT, "package-archive", "the archive is damaged: %s",
               why ? why : "unknown");
}

/* The member's bytes into *buf, or only counted when buf is NULL. */
static bool read_data(Unpacking *u, Str path, char **buf, size_t *ret_len, Err *err)
{
    static _Thread_local char scratch[64 * 1024];
    size_t len = 0, room = 0;
    for (;;) {
        if (buf && room - len < READ_BYTES / 2) {
            room = room ? room * 2 : READ_BYTES;
            char *grown = realloc(*buf, room);
            if (!grown)
                return OUT_OF_MEMORY(err);
            *buf = grown;
        }
        la_ssize_t got = buf ? archive_read_data(u->archive, *buf + len, room - len)
                             : archive_read_data(u->archive, scratch, sizeof scratch);
        if (got < 0)
            return read_error(u, err);
        if (got == 0)
            break;
        len += (size_t)got;
        if (len > u->limits->file_bytes)
            return ERR(err, ERR_INPUT, "package-too-large", "a file of more than %llu bytes: %.*s",
                       (unsigned long long)u->limits->file_bytes, STR_ARG(path));
        TRY(check_bomb(u, (size_t)got, err));
    }
    *ret_len = len;
    return true;
}

static bool take_member(Unpacking *u, struct archive_entry *entry, bool examples, char **scratch,
                        FileList *list, Err *err)
{
    const char *name = archive_entry_pathname(entry);
    if (!name)
        name = archive_entry_pathname_utf8(entry);
    Str path;
    TRY(file_path_clean(str_from(name ? name : ""), u->arena, &path, err));
    TRY(check_kind(entry, path, err));
    if (++u->files > u->limits->files)
        return ERR(err, ERR_INPUT, "package-files", "the archive holds more than %u files",
                   u->limits->files);
    size_t len;
    if (archive_entry_filetype(entry) == AE_IFDIR || !file_is_wanted(path, examples))
        return read_data(u, path, NULL, &len, err);
    TRY(read_data(u, path, scratch, &len, err));
    Str text = arena_copy(u->arena, (Str){*scratch, len});
    return text.ptr ? files_add(list, u->arena, path, text, err) : OUT_OF_MEMORY(err);
}

static void free_scratch(char **scratch)
{
    free(*scratch);
}

/* Opens and goes through the members until the end or `stop_at`. */
static bool unpack(Unpacking *u, Str bytes, bool examples, const char *stop_at, FileList *list,
                   Err *err)
{
    __attribute__((cleanup(free_scratch))) char *scratch = NULL;
    archive_read_support_filter_gzip(u->archive);
    archive_read_support_format_tar(u->archive);
    if (archive_read_open_memory(u->archive, bytes.ptr, bytes.len) != ARCHIVE_OK)
        return read_error(u, err);
    for (;;) {
        struct archive_entry *entry;
        int got = archive_read_next_header(u->archive, &entry);
        if (got == ARCHIVE_EOF)
            return true;
        /* A warning is about names in the C locale, which we check ourselves. */
        if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
            return read_error(u, err);
        TRY(take_member(u, entry, examples, &scratch, list, err));
        if (stop_at && list->count && str_is(list->files[list->count - 1].path, stop_at))
            return true;
    }
}

bool archive_files(Str bytes, const PackageLimits *limits, bool examples, Arena *arena,
                   FileList *ret_files, Err *err)
{
    __attribute__((cleanup(archive_cleanup))) struct archive *archive = archive_read_new();
    if (!archive)
        return OUT_OF_MEMORY(err);
    FileList list = {0};
    Unpacking u = {.archive = archive, .limits = limits, .arena = arena};
    TRY(unpack(&u, bytes, examples, NULL, &list, err));
    files_settle(&list);
    *ret_files = list;
    return true;
}

bool archive_manifest(Str bytes, const PackageLimits *limits, Arena *arena, Str *ret_json, Err *err)
{
    static const char manifest[] = "package/package.json";
    __attribute__((cleanup(archive_cleanup))) struct archive *archive = archive_read_new();
    if (!archive)
        return OUT_OF_MEMORY(err);
    FileList list = {0};
    Unpacking u = {.archive = archive, .limits = limits, .arena = arena};
    TRY(unpack(&u, bytes, false, manifest, &list, err));
    if (!list.count || !str_is(list.files[list.count - 1].path, manifest))
        return ERR(err, ERR_INPUT, "package-manifest", "the archive holds no package/package.json");
    *ret_json = list.files[list.count - 1].text;
    return true;
}
