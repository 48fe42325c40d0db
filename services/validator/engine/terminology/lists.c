/* Operators' code lists: LOINC, SNOMED CT, ... in the form that README.md describes. */
#include "services/validator/engine/terminology/builder.h"

#include <errno.h>
#include <stdio.h>

enum { LIST_BYTES_MAX = 1 << 30 };

typedef struct List {
    const char *path;
    Str text;
    Str system, version, name, content, set, only;
    bool case_sensitive, adds_to_set;
    char separator;
    uint32_t line;
    Str *set_codes;
    uint32_t set_count, set_room;
    uint32_t system_index; /* of the last row */
    Str system_seen;
} List;

static bool bad(Builder *b, const List *list, const char *what, Str found)
{
    return ERR(b->err, ERR_INPUT, "code-list-form", "%s line %u: %s: \"%.*s\"", list->path,
               list->line, what, (int)(found.len > 60 ? 60 : found.len), found.ptr);
}

static bool read_file(Builder *b, const char *path, Str *ret_text)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return ERR(b->err, ERR_INPUT, "code-list-unreadable", "%s: %s", path, strerror(errno));
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    char *text = NULL;
    if (size >= 0 && size <= LIST_BYTES_MAX && fseek(file, 0, SEEK_SET) == 0)
        text = arena_alloc(b->arena, (size_t)size + 1);
    size_t got = text ? fread(text, 1, (size_t)size, file) : 0;
    fclose(file);
    if (!text || got != (size_t)size)
        return ERR(b->err, ERR_INPUT, "code-list-unreadable", "%s: cannot be read whole", path);
    *ret_text = (Str){text, got};
    return true;
}

static bool set_option(Builder *b, List *list, Str key, Str value)
{
    static const struct {
        const char *key;
        size_t field;
    } texts[] = {
        {"system",    offsetof(List, system) },
        {"version",   offsetof(List, version)},
        {"name",      offsetof(List, name)   },
        {"content",   offsetof(List, content)},
        {"value-set", offsetof(List, set)    },
        {"only",      offsetof(List, only)   }
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (str_is(key, texts[i].key)) {
            memcpy((char *)list + texts[i].field, &value, sizeof value);
            return true;
        }
    if (str_is(key, "case-sensitive")) {
        list->case_sensitive = str_is(value, "true") || str_is(value, "yes");
        return true;
    }
    return bad(b, list, "unknown option", key);
}

/* PATH[,key=value]... : the options of the call come before those of the file's head. */
static bool split_spec(Builder *b, List *list, const char *spec)
{
    Str rest = str_from(spec), path, option;
    str_split(&rest, ',', &path);
    path = arena_copy(b->arena, path);
    if (!path.ptr)
        return builder_out_of_memory(b);
    list->path = path.ptr;
    list->separator = str_ends(path, STR(".psv")) ? '|' : '\t';
    while (str_split(&rest, ',', &option)) {
        size_t equals = str_find_char(option, '=');
        TRY(set_option(b, list, str_cut(option, 0, equals), str_skip(option, equals + 1)));
    }
    return true;
}

static TxContent list_content(const List *list)
{
    return str_is(list->content, "fragment") ? TX_CONTENT_FRAGMENT : TX_CONTENT_COMPLETE;
}

/* A list that only adds to a value set leaves the system as it is. */
static bool open_system(Builder *b, List *list, Str url)
{
    if (str_eq(url, list->system_seen) && url.len)
        return true;
    list->system_seen = url;
    TRY(builder_need_system(b, url, list->version, &list->system_index));
    if (list->adds_to_set && list->content.len == 0)
        return true;
    BuildSystem *system = &b->systems[list->system_index];
    if (!system->from_list && system->content <= TX_CONTENT_NOT_PRESENT) {
        system->content = list_content(list);
        system->case_sensitive = list->case_sensitive;
        if (list->version.len)
            system->version = list->version;
        if (list->name.len)
            system->name = list->name;
    } else if (list_content(list) == TX_CONTENT_COMPLETE) {
        system->content = TX_CONTENT_COMPLETE;
    }
    system->from_list = true;
    return true;
}

static bool remember_for_set(Builder *b, List *list, Str code)
{
    Str *codes = builder_grow(b, list->set_codes, list->set_count, &list->set_room, sizeof(Str));
    if (!codes)
        return builder_out_of_memory(b);
    list->set_codes = codes;
    codes[list->set_count++] = code;
    return true;
}

static bool read_row(Builder *b, List *list, Str line)
{
    Str rest = line, system = list->system, code, display = STR_NONE;
    if (system.len == 0 && !str_split(&rest, list->separator, &system))
        return true;
    if (!str_split(&rest, list->separator, &code))
        return bad(b, list, "expected system, code[, display]", line);
    str_split(&rest, list->separator, &display);
    code = str_trim(code);
    if (code.len == 0 || system.len == 0)
        return bad(b, list, "a row without system or code", line);
    if (list->only.len && !str_eq(system, list->only))
        return true;
    TRY(open_system(b, list, system));
    if (list->adds_to_set)
        TRY(remember_for_set(b, list, code));
    uint32_t flags = list->adds_to_set && list->content.len == 0 ? 0 : TX_CODE_DEFINED;
    return builder_add_code(b, list->system_index, code, str_trim(display), flags, NULL);
}

static bool read_head(Builder *b, List *list, Str line)
{
    line = str_trim(str_skip(line, 2)); /* #! */
    size_t space = str_find_char(line, ' ');
    return set_option(b, list, str_cut(line, 0, space), str_trim(str_skip(line, space)));
}

static bool add_to_set(Builder *b, const List *list)
{
    ListedCodes *listed = ARENA_NEW(b->arena, ListedCodes);
    if (!listed)
        return builder_out_of_memory(b);
    *listed = (ListedCodes){.set_url = list->set,
                            .system = list->system_index,
                            .codes = list->set_codes,
                            .count = list->set_count,
                            .next = b->listed};
    b->listed = listed;
    return true;
}

bool builder_load_list(Builder *b, const char *spec)
{
    List list = {0};
    Str line, rest;
    TRY(split_spec(b, &list, spec));
    TRY(read_file(b, list.path, &list.text));
    rest = list.text;
    while (str_split(&rest, '\n', &line)) {
        list.line++;
        if (str_ends(line, STR("\r")))
            line.len--;
        if (str_trim(line).len == 0)
            continue;
        if (str_starts(line, STR("#!")))
            TRY(read_head(b, &list, line));
        else if (line.ptr[0] != '#') {
            list.adds_to_set = list.set.len > 0;
            TRY(read_row(b, &list, line));
        }
    }
    return !list.adds_to_set || list.set_count == 0 || add_to_set(b, &list);
}
