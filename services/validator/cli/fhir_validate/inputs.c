#include "services/validator/cli/fhir_validate/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "services/validator/cli/fhir_validate/settings.h"

enum { FOLDERS_DEEP_MAX = 32, READ_BYTES = 1 << 16 };

static bool add(Inputs *inputs, const char *path)
{
    if (inputs->count == inputs->room) {
        size_t room = inputs->room ? inputs->room * 2 : 64;
        char **paths = realloc(inputs->paths, room * sizeof *paths);
        if (!paths)
            return false;
        inputs->paths = paths;
        inputs->room = room;
    }
    char *copy = strdup(path);
    if (copy)
        inputs->paths[inputs->count++] = copy;
    return copy != NULL;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_folder(Inputs *inputs, const char *folder, int depth);

/* Links to files are followed, links to folders are not: they may lead in circles. */
static bool add_entry(Inputs *inputs, const char *folder, const char *name, int depth)
{
    char path[PATH_BYTES_MAX];
    struct stat info, target;
    int len = snprintf(path, sizeof path, "%s%s%s", folder,
                       str_ends(str_from(folder), STR("/")) ? "" : "/", name);
    if (len < 0 || (size_t)len >= sizeof path || lstat(path, &info) != 0)
        return true;
    if (S_ISDIR(info.st_mode))
        return depth >= FOLDERS_DEEP_MAX || add_folder(inputs, path, depth + 1);
    bool is_file = S_ISREG(info.st_mode) ||
                   (S_ISLNK(info.st_mode) && stat(path, &target) == 0 && S_ISREG(target.st_mode));
    return !is_file || !str_ends(str_from(name), STR(".json")) || add(inputs, path);
}

static bool add_folder(Inputs *inputs, const char *folder, int depth)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_shown, by_name);
    if (count < 0) {
        complain(strerror(errno), folder);
        inputs->any_unreadable = true;
        return true;
    }
    bool ok = true;
    for (int i = 0; i < count; i++) {
        ok = ok && add_entry(inputs, folder, entries[i]->d_name, depth);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

bool inputs_expand(const char *const *given, size_t count, Inputs *ret_inputs)
{
    Inputs inputs = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct stat info;
        size_t before = inputs.count;
        if (strcmp(given[i], "-") == 0 || stat(given[i], &info) != 0 || !S_ISDIR(info.st_mode)) {
            ok = add(&inputs, given[i]);
            continue;
        }
        bool fine = !inputs.any_unreadable;
        ok = add_folder(&inputs, given[i], 0);
        if (ok && inputs.count == before && fine && !inputs.any_unreadable) {
            complain("there is no *.json file in this folder", given[i]);
            inputs.any_unreadable = true;
        }
    }
    if (ok)
        *ret_inputs = inputs;
    else
        inputs_free(&inputs);
    return ok;
}

void inputs_free(Inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        free(inputs->paths[i]);
    free(inputs->paths);
    *inputs = (Inputs){0};
}

static bool read_stream(FILE *stream, Buf *buf)
{
    buf_reset(buf);
    for (;;) {
        char *room = buf_reserve(buf, READ_BYTES);
        if (!room) {
            errno = EFBIG;
            return false;
        }
        size_t got = fread(room, 1, READ_BYTES, stream);
        buf->len += got;
        if (got == 0)
            return !ferror(stream);
    }
}

bool input_read(const char *path, Buf *buf)
{
    if (strcmp(path, "-") == 0)
        return read_stream(stdin, buf);
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return false;
    bool ok = read_stream(stream, buf);
    int why = errno;
    fclose(stream);
    errno = why;
    return ok;
}
