#include "common/catalog/administer.h"

#include <stdio.h>
#include <string.h>

#include "common/audit/audit.h"

enum { WAIT_MS = 30000 };

int administer_complain(const Administration *self, const char *about, const Err *err)
{
    fprintf(stderr, "%s: %s: %s: %s\n", self->program, about, err->code, err->text);
    return 1;
}

/* --- files ------------------------------------------------------------------------------------ */

static bool read_file(const Administration *self, const char *path, Buf *out)
{
    char block[65536];
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "%s: ", self->program);
        perror(path);
        return false;
    }
    for (size_t len; (len = fread(block, 1, sizeof block, file)) > 0;)
        if (!buf_add(out, (Str){block, len}))
            break;
    bool fine = !ferror(file) && !out->overflowed;
    fclose(file);
    if (!fine)
        fprintf(stderr, "%s: %s: cannot be read, or is larger than %zu bytes\n", self->program,
                path, self->file_bytes_max);
    return fine;
}

/* Is it fit to be published? `out` keeps its text. */
static bool load(const Administration *self, AdministerFile *file, Buf *out)
{
    buf_init(out, self->file_bytes_max);
    if (!read_file(self, file->path, out))
        return false;
    file->text = buf_str(out);
    return self->check(self, file);
}

int administer_check(const Administration *self, int count, char **files)
{
    int code = count > 0 ? 0 : 2;
    for (int i = 0; i < count; i++) {
        AdministerFile file = {.path = files[i]};
        BUF_AUTO text;
        if (load(self, &file, &text))
            printf("fine     %s: %s\n", files[i], file.about);
        else
            code = 1;
    }
    return code;
}

/* --- what is in force ------------------------------------------------------------------------- */

static bool open_catalog(const Administration *self, Catalog **ret_catalog, Err *err)
{
    const CatalogOptions options = {
        .bus = self->bus, .kinds = self->kind, .kind_count = 1, .publishes = true};
    TRY(catalog_open(&options, ret_catalog, err));
    if (catalog_ready(*ret_catalog, WAIT_MS))
        return true;
    catalog_close(*ret_catalog);
    return ERR(err, ERR_RETRY, "bus-timeout", "the topic config could not be read within %d s",
               WAIT_MS / 1000);
}

int administer_list(const Administration *self)
{
    Catalog *catalog;
    Err err = {0};
    if (!open_catalog(self, &catalog, &err))
        return administer_complain(self, "list", &err);
    const CatalogView *view = catalog_acquire(catalog);
    const CatalogRun run = catalog_kind(view, self->kind->name);
    for (size_t i = 0; i < run.count; i++)
        self->print(&run.entries[i]);
    if (self->print_rest)
        self->print_rest(&run);
    catalog_release(catalog, view);
    catalog_close(catalog);
    return 0;
}

static bool print_named(const Administration *self, const CatalogRun *run, const char *name)
{
    for (size_t i = 0; i < run->count; i++)
        if (str_is(run->entries[i].object->name, name)) {
            printf("%.*s\n", STR_ARG(run->entries[i].object->data));
            return true;
        }
    Str own = self->built_in ? self->built_in(name) : STR_NONE;
    if (own.ptr)
        printf("%.*s", STR_ARG(own));
    else
        fprintf(stderr, "%s: there is no %s\n", self->program, name);
    return own.ptr;
}

int administer_show(const Administration *self, const char *name)
{
    Catalog *catalog;
    Err err = {0};
    if (!open_catalog(self, &catalog, &err))
        return administer_complain(self, name, &err);
    const CatalogView *view = catalog_acquire(catalog);
    const CatalogRun run = catalog_kind(view, self->kind->name);
    bool found = print_named(self, &run, name);
    catalog_release(catalog, view);
    catalog_close(catalog);
    return found ? 0 : 1;
}

/* --- changing it ------------------------------------------------------------------------------ */

static int change(const Administration *self, CatalogChange *wanted)
{
    Catalog *catalog;
    Err err = {0};
    uint64_t version = 0;
    wanted->by = audit_operator(self->by);
    wanted->comment = str_from(self->comment);
    if (!open_catalog(self, &catalog, &err))
        return administer_complain(self, wanted->id.ptr, &err);
    bool fine = catalog_publish(catalog, self->bus, wanted, WAIT_MS, &version, &err);
    catalog_close(catalog);
    if (!fine)
        return administer_complain(self, wanted->id.ptr, &err);
    if (wanted->data.ptr)
        printf("in force %s version %llu\n", wanted->id.ptr, (unsigned long long)version);
    else
        printf("%-8s %s\n", self->removed, wanted->id.ptr);
    return 0;
}

static bool make_id(const Administration *self, const char *name, char id[OBJECT_ID_BYTES_MAX + 1])
{
    int len = snprintf(id, OBJECT_ID_BYTES_MAX + 1, "%s/%s", self->kind->name, name);
    bool fits = len > 0 && len <= OBJECT_ID_BYTES_MAX && strlen(name) <= self->name_bytes_max;
    if (fits && object_id_valid(str_from(id)))
        return true;
    fprintf(stderr, "%s: %s: letters, digits, '.', '_' and '-'\n", self->program, name);
    return false;
}

int administer_publish(const Administration *self, const char *name, const char *path,
                       const char *version)
{
    char id[OBJECT_ID_BYTES_MAX + 1];
    AdministerFile file = {.path = path};
    CatalogChange wanted = {.expects = version != NULL};
    Err err = {0};
    BUF_AUTO text;
    buf_init(&text, 1);
    if (version && !str_to_u64(str_from(version), &wanted.expected_version)) {
        fprintf(stderr, "%s: %s is no version\n", self->program, version);
        return 2;
    }
    if (name && !make_id(self, name, id))
        return 2;
    snprintf(file.name, sizeof file.name, "%s", name ? name : "");
    if (!load(self, &file, &text))
        return 1;
    if (!make_id(self, file.name, id))
        return 1;
    if (self->prepare && !self->prepare(self, file.name, &err))
        return administer_complain(self, file.name, &err);
    wanted.id = str_from(id);
    wanted.data = file.text;
    return change(self, &wanted);
}

int administer_remove(const Administration *self, const char *name)
{
    char id[OBJECT_ID_BYTES_MAX + 1];
    if (!make_id(self, name, id))
        return 2;
    CatalogChange wanted = {.id = str_from(id)};
    return change(self, &wanted);
}
