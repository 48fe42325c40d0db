#include "tools/fhirbus-migrate/migrations.h"

#include <dirent.h>
#include <errno.h>

#include "common/base/buf.h"
#include "common/envelope/envelope.h"

#define FILE_BYTES_MAX ((size_t)16 << 20)

static const struct {
    const char *name, *sql;
} built_in[] = {
#include "migrations.inc"
};

static bool add(Migration *m, const char *name, Str sql, Err *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    uint64_t number;
    Str file = str_from(name);
    if (file.len < 10 || file.ptr[4] != '_' || !str_ends(file, STR(".sql")) ||
        !str_to_u64(str_cut(file, 0, 4), &number))
        return ERR(err, ERR_FATAL, "migrations-names", "%s: expected NNNN_name.sql", name);
    *m = (Migration){.number = (unsigned)number, .name = name, .sql = sql.ptr};
    envelope_sha256(sql, hash);
    for (size_t i = 0; i < sizeof hash; i++) {
        m->sha256[2 * i] = digits[hash[i] >> 4];
        m->sha256[2 * i + 1] = digits[hash[i] & 15];
    }
    return true;
}

static bool check_numbers(const Migration *list, size_t count, Err *err)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].number != i + 1)
            return ERR(err, ERR_FATAL, "migrations-names", "%s: expected number %04zu",
                       list[i].name, i + 1);
    return count > 0 || ERR(err, ERR_FATAL, "migrations-folder", "no NNNN_name.sql found");
}

static bool read_sql(const char *folder, const char *name, Arena *arena, Str *ret_sql, Err *err)
{
    BUF_AUTO text;
    buf_init(&text, FILE_BYTES_MAX);
    Str path = arena_format(arena, "%s/%s", folder, name);
    FILE *file = path.ptr ? fopen(path.ptr, "rbe") : NULL;
    if (!file)
        return ERR(err, ERR_FATAL, "migrations-folder", "%s/%s: %s", folder, name, strerror(errno));
    char *to;
    size_t got = 1;
    while (got && (to = buf_reserve(&text, 65536)))
        text.len += got = fread(to, 1, 65536, file);
    bool bad = ferror(file) || text.overflowed;
    fclose(file);
    *ret_sql = arena_copy(arena, buf_str(&text));
    return (!bad && ret_sql->ptr) ||
           ERR(err, ERR_FATAL, "migrations-folder", "%s/%s: cannot be read", folder, name);
}

static int is_sql(const struct dirent *entry)
{
    return str_ends(str_from(entry->d_name), STR(".sql"));
}

static bool load_folder(const char *folder, Arena *arena, Migration **ret_list, size_t *ret_count,
                        Err *err)
{
    struct dirent **found = NULL;
    int count = scandir(folder, &found, is_sql, alphasort);
    if (count < 0)
        return ERR(err, ERR_FATAL, "migrations-folder", "%s: %s", folder, strerror(errno));
    Migration *list = ARENA_ARRAY(arena, Migration, count + 1);
    bool fine = list || ERR(err, ERR_FATAL, "migrations-folder", "out of memory");
    for (int i = 0; i < count; i++) {
        Str name = arena_copy(arena, str_from(found[i]->d_name)), sql;
        fine = fine && name.ptr && read_sql(folder, name.ptr, arena, &sql, err) &&
               add(&list[i], name.ptr, sql, err);
        free(found[i]);
    }
    free(found);
    *ret_list = list;
    *ret_count = (size_t)count;
    return fine;
}

static bool load_built_in(Arena *arena, Migration **ret_list, size_t *ret_count, Err *err)
{
    size_t count = sizeof built_in / sizeof *built_in;
    Migration *list = ARENA_ARRAY(arena, Migration, count);
    if (!list)
        return ERR(err, ERR_FATAL, "migrations-folder", "out of memory");
    for (size_t i = 0; i < count; i++)
        TRY(add(&list[i], built_in[i].name, str_from(built_in[i].sql), err));
    *ret_list = list;
    *ret_count = count;
    return true;
}

bool migrations_load(const char *folder, Arena *arena, Migration **ret_list, size_t *ret_count,
                     Err *err)
{
    TRY(folder ? load_folder(folder, arena, ret_list, ret_count, err)
               : load_built_in(arena, ret_list, ret_count, err));
    return check_numbers(*ret_list, *ret_count, err);
}
