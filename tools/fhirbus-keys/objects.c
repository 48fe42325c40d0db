/* Objects of every kind, as they are written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/write.h"
#include "tools/fhirbus-keys/keys.h"

bool tool_open(Tool *tool, Err *err)
{
    const CatalogOptions options = {
        .bus = &tool->config.bus, .kinds = auth_kinds, .kind_count = AUTH_KIND_COUNT, .publishes = true};
    TRY(catalog_open(&options, &tool->catalog, err));
    return catalog_ready(tool->catalog, WAIT_MS) ||
           ERR(err, ERR_RETRY, "bus-timeout", "the topic config could not be read within %d s",
               WAIT_MS / 1000);
}

bool tool_read_file(const char *path, Arena *arena, Str *ret_text, Err *err)
{
    char *bytes = arena_alloc(arena, OBJECT_BYTES_MAX + 1);
    FILE *file = fopen(path, "re");
    if (!file)
        return ERR(err, ERR_INPUT, "file", "%s: %s", path, strerrordesc_np(errno));
    size_t len = bytes ? fread(bytes, 1, OBJECT_BYTES_MAX + 1, file) : 0;
    bool fine = bytes && !ferror(file) && len <= OBJECT_BYTES_MAX;
    fclose(file);
    *ret_text = (Str){bytes, len};
    return fine || ERR(err, ERR_INPUT, "file", "%s cannot be read, or is too large", path);
}

bool tool_publish(Tool *tool, AuthKind kind, Str name, Str data, bool expects, uint64_t version,
                  uint64_t *ret_version, Err *err)
{
    const char *user = getenv("USER");
    Str by = str_from(tool->config.by ? tool->config.by : user ? user : "unknown");
    const CatalogChange change = {
        .id = ARENA_JOIN(tool->arena, str_from(auth_kinds[kind].name), STR("/"), name),
        .data = data,
        .by = by,
        .comment = str_from(tool->config.comment),
        .expects = expects,
        .expected_version = version};
    return catalog_publish(tool->catalog, &tool->config.bus, &change, WAIT_MS, ret_version, err);
}

static bool kind_of(const Tool *tool, size_t word, AuthKind *ret_kind, Err *err)
{
    return auth_kind_named(str_from(tool->command.words[word]), ret_kind) ||
           ERR(err, ERR_INPUT, "kind", "callers, issuers, plans, tenants, hosts or accounts");
}

static bool read_object(Tool *tool, AuthKind kind, const char *name, const char *path,
                        Str *ret_data, Err *err)
{
    void *object = NULL;
    TRY(tool_read_file(path, tool->arena, ret_data, err));
    TRY(auth_read(kind, str_from(name), *ret_data, &object, err));
    auth_free(object);
    return true;
}

bool objects_check(Tool *tool, Err *err)
{
    AuthKind kind;
    Str data;
    TRY(kind_of(tool, 1, &kind, err));
    TRY(read_object(tool, kind, "checked", tool->command.words[2], &data, err));
    printf("fine     %s\n", tool->command.words[2]);
    return true;
}

bool objects_publish(Tool *tool, Err *err)
{
    AuthKind kind;
    Str data;
    uint64_t version = 0;
    const char *name = tool->command.words[2];
    TRY(kind_of(tool, 1, &kind, err));
    TRY(read_object(tool, kind, name, tool->command.words[3], &data, err));
    TRY(tool_publish(tool, kind, str_from(name), data, false, 0, &version, err));
    printf("in force %s/%s version %llu\n", auth_kinds[kind].name, name,
           (unsigned long long)version);
    return true;
}

bool objects_remove(Tool *tool, Err *err)
{
    AuthKind kind;
    uint64_t version = 0;
    const char *name = tool->command.words[2];
    TRY(kind_of(tool, 1, &kind, err));
    TRY(tool_publish(tool, kind, str_from(name), STR_NONE, false, 0, &version, err));
    printf("removed  %s/%s\n", auth_kinds[kind].name, name);
    return true;
}

/* --- listing ---------------------------------------------------------------------------------- */

static void print_caller(const Caller *caller)
{
    printf(" %s%zu keys, %zu clients, %zu certificates; tenants",
           caller->disabled ? "disabled, " : "", caller->api_key_count, caller->client_count,
           caller->certificate_count);
    for (size_t i = 0; i < caller->tenants.count; i++)
        printf("%s%.*s", i ? "," : " ", STR_ARG(caller->tenants.list[i]));
    for (Permission p = 0; p < PERMISSION_COUNT; p++)
        if (caller->may[p].count)
            printf("; %s", permission_name(p));
}

static void print_entry(AuthKind kind, const CatalogEntry *entry)
{
    printf("%-8s %-24.*s version %-4llu", auth_kinds[kind].name, STR_ARG(entry->object->name),
           (unsigned long long)entry->object->version);
    if (kind == AUTH_CALLERS)
        print_caller(entry->made);
    putchar('\n');
}

static void add_json(const CatalogEntry *entry, Buf *out)
{
    buf_add(out, out->len > 1 ? STR(",\n{\"id\":") : STR("{\"id\":"));
    json_write_string(out, entry->object->id);
    buf_add_format(
        out, ",\"version\":%llu,\"publishedAt\":", (unsigned long long)entry->object->version);
    json_write_string(out, entry->object->published_at);
    buf_add(out, STR(",\"data\":"));
    buf_add(out, entry->object->data);
    buf_add(out, STR("}"));
}

bool objects_list(Tool *tool, Err *err)
{
    AuthKind only = AUTH_KIND_COUNT;
    BUF_AUTO json;
    buf_init(&json, (size_t)256 << 20);
    if (tool->command.count > 1)
        TRY(kind_of(tool, 1, &only, err));
    const CatalogView *view = catalog_acquire(tool->catalog);
    buf_add(&json, STR("["));
    for (AuthKind kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        CatalogRun run = catalog_kind(view, auth_kinds[kind].name);
        for (size_t i = 0; i < run.count && (only == AUTH_KIND_COUNT || only == kind); i++) {
            if (tool->command.json)
                add_json(&run.entries[i], &json);
            else
                print_entry(kind, &run.entries[i]);
        }
    }
    if (tool->command.json)
        printf("%s]\n", json.data);
    catalog_release(tool->catalog, view);
    return true;
}

bool objects_show(Tool *tool, Err *err)
{
    AuthKind kind;
    TRY(kind_of(tool, 1, &kind, err));
    Str id = ARENA_JOIN(tool->arena, str_from(auth_kinds[kind].name), STR("/"),
                        str_from(tool->command.words[2]));
    const CatalogView *view = catalog_acquire(tool->catalog);
    const CatalogEntry *entry = catalog_find(view, id);
    if (entry)
        printf("%.*s\n", STR_ARG(entry->object->data));
    catalog_release(tool->catalog, view);
    return entry || ERR(err, ERR_INPUT, "unknown", "there is no %.*s", STR_ARG(id));
}
