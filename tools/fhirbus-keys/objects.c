/* Objects of every kind, as they are written. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/audit/audit.h"
#include "common/json/write.h"
#include "tools/fhirbus-keys/keys.h"

bool tool_open(Tool *tool, Err *err)
{
    const CatalogOptions options = {.bus = &tool->config.bus,
                                    .kinds = auth_kinds,
                                    .kind_count = AUTH_KIND_COUNT,
                                    .publishes = true};
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
                  Err *err)
{
    const CatalogChange change = {
        .id = ARENA_JOIN(tool->arena, str_from(auth_kinds[kind].name), STR("/"), name),
        .data = data,
        .by = audit_operator(tool->config.by),
        .comment = str_from(tool->config.comment),
        .expects = expects,
        .expected_version = version};
    return catalog_publish(tool->catalog, &tool->config.bus, &change, WAIT_MS, &tool->version, err);
}

bool tool_kind(const Tool *tool, size_t word, AuthKind *ret_kind, Err *err)
{
    return auth_kind_named(str_from(tool->command.words[word]), ret_kind) ||
           ERR(err, ERR_INPUT, "kind",
               "%s is no kind: callers, issuers, plans, tenants, hosts or accounts",
               tool->command.words[word]);
}

/* NULL: nothing is published that could clash. */
static bool read_object(Tool *tool, AuthKind kind, const char *name, const char *path,
                        Str *ret_data, Err *err)
{
    void *object = NULL;
    const char *taken = NULL;
    TRY(tool_read_file(path, tool->arena, ret_data, err));
    TRY(auth_read(kind, str_from(name), *ret_data, &object, err));
    if (tool->catalog) {
        const CatalogView *view = catalog_acquire(tool->catalog);
        taken = auth_clash(view, kind, str_from(name), object);
        if (!taken)
            note_what_is_missing(view, kind, object);
        catalog_release(tool->catalog, view);
    }
    auth_free(object);
    return !taken || ERR(err, ERR_INPUT, "taken", "another object has %s", taken);
}

bool objects_check(Tool *tool, Err *err)
{
    AuthKind kind;
    Str data;
    TRY(tool_kind(tool, 1, &kind, err));
    TRY(read_object(tool, kind, "checked", tool->command.words[2], &data, err));
    tell_made(tool, "fine", tool->command.words[2]);
    return true;
}

/* The version that must be in force, where one is said; 0: none. */
static bool expected(const Tool *tool, size_t word, bool *ret_expects, uint64_t *ret_version,
                     Err *err)
{
    *ret_expects = tool->command.count > word;
    return !*ret_expects || str_to_u64(str_from(tool->command.words[word]), ret_version) ||
           ERR(err, ERR_INPUT, "version", "%s is no version", tool->command.words[word]);
}

bool objects_publish(Tool *tool, Err *err)
{
    AuthKind kind;
    Str data;
    uint64_t version = 0;
    bool expects;
    const char *name = tool->command.words[2];
    TRY(tool_kind(tool, 1, &kind, err));
    TRY(expected(tool, 4, &expects, &version, err));
    TRY(read_object(tool, kind, name, tool->command.words[3], &data, err));
    TRY(tool_publish(tool, kind, str_from(name), data, expects, version, err));
    tell_change(tool, "in force", auth_kinds[kind].name, name);
    return true;
}

bool objects_remove(Tool *tool, Err *err)
{
    AuthKind kind;
    uint64_t version = 0;
    bool expects;
    const char *name = tool->command.words[2];
    TRY(tool_kind(tool, 1, &kind, err));
    TRY(expected(tool, 3, &expects, &version, err));
    TRY(tool_publish(tool, kind, str_from(name), STR_NONE, expects, version, err));
    tell_change(tool, "removed", auth_kinds[kind].name, name);
    return true;
}

/* --- listing ---------------------------------------------------------------------------------- */

static void add_member(Buf *out, const char *name, Str text)
{
    if (!text.len)
        return;
    buf_add_format(out, ",\"%s\":", name);
    json_write_string(out, text);
}

static void add_json(const CatalogEntry *entry, Buf *out)
{
    buf_add(out, STR("{\"id\":"));
    json_write_string(out, entry->object->id);
    buf_add_format(out, ",\"version\":%llu", (unsigned long long)entry->object->version);
    add_member(out, "publishedAt", entry->object->published_at);
    add_member(out, "publishedBy", entry->object->published_by);
    add_member(out, "comment", entry->object->comment);
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
        TRY(tool_kind(tool, 1, &only, err));
    const CatalogView *view = catalog_acquire(tool->catalog);
    buf_add(&json, STR("["));
    for (AuthKind kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        CatalogRun run = catalog_kind(view, auth_kinds[kind].name);
        for (size_t i = 0; i < run.count && (only == AUTH_KIND_COUNT || only == kind); i++) {
            if (tool->command.json) {
                buf_add(&json, json.len > 1 ? STR(",\n") : STR(""));
                add_json(&run.entries[i], &json);
            } else
                print_object(kind, &run.entries[i]);
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
    TRY(tool_kind(tool, 1, &kind, err));
    Str id = ARENA_JOIN(tool->arena, str_from(auth_kinds[kind].name), STR("/"),
                        str_from(tool->command.words[2]));
    const CatalogView *view = catalog_acquire(tool->catalog);
    const CatalogEntry *entry = catalog_find(view, id);
    BUF_AUTO json;
    buf_init(&json, 2 * OBJECT_BYTES_MAX);
    if (entry && tool->command.json)
        add_json(entry, &json);
    else if (entry)
        buf_add(&json, entry->object->data);
    if (entry)
        printf("%s\n", json.data);
    catalog_release(tool->catalog, view);
    return entry || ERR(err, ERR_INPUT, "unknown", "there is no %.*s", STR_ARG(id));
}
