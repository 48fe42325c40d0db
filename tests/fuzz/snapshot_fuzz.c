#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "services/validator/engine/snapshot/snapshot.h"
#include "tests/fuzz/target.h"

/* The bytes are up to four definitions with a NUL between them, loose beside a small copy of R4's
 * types: they may derive from each other, stand in for a type, or bring a snapshot of their own.
 * All snapshots of the set are made, with and without the shipped ones. */

enum { PARTS_MAX = 4 };

static const char base[] = "tests/fuzz/data/snapshot-base";
static char folder[64], files[PARTS_MAX][96];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/snapshot_fuzz.XXXXXX");
    CHECK(mkdtemp(folder));
    for (int i = 0; i < PARTS_MAX; i++)
        snprintf(files[i], sizeof files[i], "%s/%d.json", folder, i);
}

static void remove_folder(void)
{
    for (int i = 0; i < PARTS_MAX; i++)
        unlink(files[i]);
    rmdir(folder);
}

static size_t write_parts(Str bytes)
{
    size_t count = 0;
    Str part;
    while (count < PARTS_MAX && str_split(&bytes, '\0', &part)) {
        FILE *file = fopen(files[count++], "wb");
        CHECK(file);
        fwrite(part.ptr, 1, part.len, file);
        fclose(file);
    }
    return count;
}

/* An element's parent stands before it, and all begin with the same root. */
static void check_snapshot(const JsonDoc *doc)
{
    const JsonNode *list = json_get(doc, json_get(doc, json_root(doc), "snapshot"), "element");
    CHECK(list && list->count > 0 && list->count <= SNAPSHOT_ELEMENTS_MAX);
    Str root = json_get_text(doc, json_first(list), "path"), last = root;
    JSON_EACH(doc, element, list)
    {
        Str path = json_get_text(doc, element, "path"), id = json_get_text(doc, element, "id");
        CHECK(id.len >= path.len && str_starts(path, root));
        size_t dot = str_rfind_char(path, '.');
        Str parent = dot == SIZE_MAX ? root : str_cut(path, 0, dot);
        CHECK(str_starts(last, parent) || str_starts(parent, last));
        last = path;
    }
}

static void make_all(Packages *packages, bool remake)
{
    Snapshots *set = snapshots_new(packages, remake);
    for (size_t i = 0; i < packages_count(packages); i++) {
        const Package *p = packages_at(packages, i);
        for (uint32_t r = 0; r < p->resource_count && p->kind == PACKAGE_LOOSE; r++) {
            const JsonDoc *doc;
            Err err = {0};
            bool generated = !p->resources[r]->has_snapshot || remake;
            if (!str_is(p->resources[r]->type, "StructureDefinition"))
                continue;
            if (!snapshots_of(set, p->resources[r], &doc, &err))
                CHECK(err.code);
            else if (generated && p->resources[r]->has_differential)
                check_snapshot(doc);
        }
    }
    snapshots_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*folder) {
        make_folder();
        atexit(remove_folder);
    }
    const char *paths[PARTS_MAX + 1] = {base};
    size_t count = write_parts((Str){(const char *)data, size});
    for (size_t i = 0; i < count; i++)
        paths[i + 1] = files[i];
    PackagesOptions options = {
        .paths = paths,
        .path_count = count + 1,
        .limits = {.file_bytes = 1 << 20, .memory_bytes = 64 << 20}
    };
    Packages *packages = NULL;
    Err err = {0};
    if (!packages_load(&options, &packages, &err))
        return 0;
    make_all(packages, false);
    if (size % 4 == 0)
        make_all(packages, true);
    packages_free(packages);
    return 0;
}
