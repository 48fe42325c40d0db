#include "common/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "common/base/check.h"

#define SECRET_BYTES_MAX 65536
#define FILE_BYTES_MAX ((size_t)1 << 20)

const char config_required[] = "";

typedef struct Value {
    Str text;           /* ptr NULL: not given */
    const char *source; /* "environment", "default" or the file's name */
} Value;

static Str env_get(const char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return str_from(*environment + len + 1);
    return STR_NONE;
}

static bool read_all(int fd, Buf *out)
{
    char *to;
    while ((to = buf_reserve(out, 4096))) {
        ssize_t got = read(fd, to, 4096);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
        out->len += got > 0 ? (size_t)got : 0;
    }
    errno = EFBIG;
    return false;
}

static bool read_file(const char *path, size_t max_bytes, Arena *arena, Str *ret_text, Err *err)
{
    BUF_AUTO out;
    buf_init(&out, max_bytes + 4096);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool read = fd >= 0 && read_all(fd, &out);
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (!read)
        return ERR(err, ERR_FATAL, "config-file", "%s: %s", path, strerror(why));
    Str text = arena_copy(arena, buf_str(&out));
    if (!text.ptr)
        return ERR(err, ERR_FATAL, "config-file", "%s: too large for memory", path);
    if (text.len && memchr(text.ptr, '\0', text.len))
        return ERR(err, ERR_FATAL, "config-file", "%s: holds a NUL byte", path);
    *ret_text = text;
    return true;
}

/* --- the file of KEY=VALUE lines -------------------------------------------------------------- */

static bool known(const ConfigOption *options, Str key)
{
    for (const ConfigOption *o = options; o->name; o++) {
        if (str_is(key, o->name))
            return true;
        Str stem = str_ends(key, STR("_FILE")) ? str_cut(key, 0, key.len - 5) : STR_NONE;
        if (o->type == CONFIG_SECRET && stem.ptr && str_is(stem, o->name))
            return true;
    }
    return false;
}

/* One line: blank, "# comment" or KEY=VALUE. Quotes around a value are taken off. */
static bool parse_line(Str line, Str *ret_key, Str *ret_value)
{
    line = str_trim(line);
    if (str_starts(line, STR("export ")))
        line = str_trim(str_skip(line, 7));
    size_t at = str_find_char(line, '=');
    if (at == line.len || at == 0)
        return false;
    *ret_key = str_trim(str_cut(line, 0, at));
    Str value = str_trim(str_skip(line, at + 1));
    bool quoted = value.len >= 2 && (value.ptr[0] == '"' || value.ptr[0] == '\'') &&
                  value.ptr[value.len - 1] == value.ptr[0];
    *ret_value = quoted ? str_cut(value, 1, value.len - 1) : value;
    return true;
}

static bool is_blank(Str line)
{
    line = str_trim(line);
    return line.len == 0 || line.ptr[0] == '#';
}

static bool check_file(const ConfigOption *options, const char *path, Str text, Err *err)
{
    Str line, key, value;
    for (unsigned number = 1; str_split(&text, '\n', &line); number++) {
        if (is_blank(line))
            continue;
        if (!parse_line(line, &key, &value))
            return ERR(err, ERR_FATAL, "config-file", "%s:%u: expected KEY=VALUE", path, number);
        if (!known(options, key))
            return ERR(err, ERR_FATAL, "config-unknown", "%s:%u: no option is called \"%.*s\"",
                       path, number, STR_ARG(key));
    }
    return true;
}

static Str file_get(Str text, const char *name)
{
    Str line, key, value, found = STR_NONE;
    while (str_split(&text, '\n', &line))
        if (!is_blank(line) && parse_line(line, &key, &value) && str_is(key, name))
            found = value;
    return found;
}

/* --- one value -------------------------------------------------------------------------------- */

typedef struct Reading {
    const ConfigSource *source;
    Str file_text;
    Arena *arena;
} Reading;

static Value look_up(const Reading *r, const char *name)
{
    Str text = env_get(r->source->environment, name);
    if (text.len)
        return (Value){text, "environment"};
    text = file_get(r->file_text, name);
    if (text.len)
        return (Value){text, r->source->file};
    return (Value){STR_NONE, NULL};
}

static bool look_up_secret(const Reading *r, const ConfigOption *o, Value *ret_value, Err *err)
{
    Str file_option = arena_format(r->arena, "%s_FILE", o->name);
    Value named = file_option.ptr ? look_up(r, file_option.ptr) : (Value){0};
    if (!named.text.ptr)
        return true;
    if (ret_value->text.ptr)
        return ERR(err, ERR_FATAL, "config-value", "%s and %s are both given; keep one", o->name,
                   file_option.ptr);
    Str path = arena_copy(r->arena, named.text), text = STR_NONE;
    if (!path.ptr)
        return ERR(err, ERR_FATAL, "config-value", "out of memory");
    TRY(read_file(path.ptr, SECRET_BYTES_MAX, r->arena, &text, err));
    /* Editors end files with a newline, passwords do not. */
    while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    if (!text.len)
        return ERR(err, ERR_FATAL, "config-value", "%s: the file is empty", file_option.ptr);
    *ret_value = (Value){text, path.ptr};
    return true;
}

static bool bad(const ConfigOption *o, Value v, Err *err, const char *expected)
{
    return ERR(err, ERR_FATAL, "config-value", "%s (from %s): \"%.*s\" is not %s", o->name,
               v.source, (int)(v.text.len > 60 ? 60 : v.text.len), v.text.ptr, expected);
}

static bool set_bool(const ConfigOption *o, Value v, bool *field, Err *err)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"1",     true },
        {"true",  true },
        {"yes",   true },
        {"on",    true },
        {"0",     false},
        {"false", false},
        {"no",    false},
        {"off",   false}
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq_ignore_case(v.text, str_from(words[i].word))) {
            *field = words[i].value;
            return true;
        }
    return bad(o, v, err, "one of 1, 0, true, false, yes, no, on, off");
}

static bool set_uint(const ConfigOption *o, Value v, uint64_t *field, Err *err)
{
    uint64_t value;
    char expected[96];
    if (o->max)
        snprintf(expected, sizeof expected, "a whole number from %llu to %llu",
                 (unsigned long long)o->min, (unsigned long long)o->max);
    else
        snprintf(expected, sizeof expected, "a whole number from %llu on",
                 (unsigned long long)o->min);
    if (!str_to_u64(v.text, &value) || value < o->min || (o->max && value > o->max))
        return bad(o, v, err, expected);
    *field = value;
    return true;
}

static bool set_number(const ConfigOption *o, Value v, double *field, Err *err)
{
    char text[64], *end;
    if (v.text.len < sizeof text) {
        memcpy(text, v.text.ptr, v.text.len);
        text[v.text.len] = '\0';
        double value = strtod(text, &end);
        bool inside = !o->max || (value >= (double)o->min && value <= (double)o->max);
        if (end == text + v.text.len && isfinite(value) && inside) {
            *field = value;
            return true;
        }
    }
    char expected[96];
    snprintf(expected, sizeof expected, "a number from %llu to %llu", (unsigned long long)o->min,
             (unsigned long long)o->max);
    return bad(o, v, err, o->max ? expected : "a number");
}

static bool set_choice(const ConfigOption *o, Value v, int *field, Err *err)
{
    Str rest = str_from(o->choices), choice;
    for (int i = 0; str_split(&rest, '|', &choice); i++)
        if (str_eq(choice, v.text)) {
            *field = i;
            return true;
        }
    char expected[96];
    snprintf(expected, sizeof expected, "one of %s", o->choices);
    return bad(o, v, err, expected);
}

static bool set_text(const Reading *r, Value v, const char **field, Err *err)
{
    Str copy = arena_copy(r->arena, v.text);
    if (!copy.ptr)
        return ERR(err, ERR_FATAL, "config-value", "out of memory");
    *field = copy.ptr;
    return true;
}

static bool set_field(const Reading *r, const ConfigOption *o, Value v, char *config, Err *err)
{
    void *field = config + o->offset;
    switch (o->type) {
    case CONFIG_TEXT:
    case CONFIG_SECRET:
        CHECK(o->field_bytes == sizeof(char *));
        return set_text(r, v, field, err);
    case CONFIG_BOOL:
        CHECK(o->field_bytes == sizeof(bool));
        return set_bool(o, v, field, err);
    case CONFIG_UINT:
        CHECK(o->field_bytes == sizeof(uint64_t));
        return set_uint(o, v, field, err);
    case CONFIG_NUMBER:
        CHECK(o->field_bytes == sizeof(double));
        return set_number(o, v, field, err);
    case CONFIG_CHOICE:
        CHECK(o->field_bytes == sizeof(int) && o->choices);
        return set_choice(o, v, field, err);
    }
    CHECK(!"a type of the table");
    return false;
}

static bool read_option(const Reading *r, const ConfigOption *o, char *config, Err *err)
{
    Value value = look_up(r, o->name);
    if (o->type == CONFIG_SECRET)
        TRY(look_up_secret(r, o, &value, err));
    if (!value.text.ptr && o->initial == config_required)
        return ERR(err, ERR_FATAL, "config-missing", "%s%s%s is required: %s", o->name,
                   o->type == CONFIG_SECRET ? " or " : "",
                   o->type == CONFIG_SECRET ? "its _FILE" : "", o->help);
    if (!value.text.ptr && o->initial)
        value = (Value){str_from(o->initial), "default"};
    return !value.text.ptr || set_field(r, o, value, config, err);
}

bool config_read(const ConfigOption *options, const ConfigSource *source, Arena *arena,
                 void *ret_config, Err *err)
{
    Reading reading = {.source = source, .arena = arena, .file_text = STR_NONE};
    if (source->file) {
        TRY(read_file(source->file, FILE_BYTES_MAX, arena, &reading.file_text, err));
        TRY(check_file(options, source->file, reading.file_text, err));
    }
    for (const ConfigOption *o = options; o->name; o++)
        TRY(read_option(&reading, o, ret_config, err));
    return true;
}

/* --- its own manual --------------------------------------------------------------------------- */

static void print_type(const ConfigOption *o, Buf *out)
{
    static const char *const names[] = {
        "", "text", "secret (or NAME_FILE)", "yes or no", "whole number", "number", "choice"};
    if (o->type == CONFIG_CHOICE)
        buf_add_format(out, "%s", o->choices);
    else
        buf_add_format(out, "%s", names[o->type]);
    if (o->max)
        buf_add_format(out, " %llu..%llu", (unsigned long long)o->min, (unsigned long long)o->max);
    else if (o->min)
        buf_add_format(out, " from %llu on", (unsigned long long)o->min);
}

void config_print_help(const ConfigOption *options, Buf *out)
{
    for (const ConfigOption *o = options; o->name; o++) {
        buf_add_format(out, "%s\n    ", o->name);
        print_type(o, out);
        if (o->initial == config_required)
            buf_add(out, STR("; required"));
        else if (o->initial)
            buf_add_format(out, "; default %s", o->initial);
        buf_add_format(out, "\n    %s\n", o->help);
    }
}

static void print_choice(const ConfigOption *o, int index, Buf *out)
{
    Str rest = str_from(o->choices), choice = STR_NONE;
    for (int i = 0; i <= index; i++)
        str_split(&rest, '|', &choice);
    buf_add(out, choice);
}

void config_print_values(const ConfigOption *options, const void *config, Buf *out)
{
    for (const ConfigOption *o = options; o->name; o++) {
        const void *field = (const char *)config + o->offset;
        const char *const *text = field;
        buf_add_format(out, "%s=", o->name);
        if (o->type == CONFIG_TEXT)
            buf_add_format(out, "%s", *text ? *text : "");
        else if (o->type == CONFIG_SECRET)
            buf_add_format(out, "%s", *text ? "(set)" : "(not set)");
        else if (o->type == CONFIG_BOOL)
            buf_add_format(out, "%d", *(const bool *)field);
        else if (o->type == CONFIG_UINT)
            buf_add_format(out, "%llu", (unsigned long long)*(const uint64_t *)field);
        else if (o->type == CONFIG_NUMBER)
            buf_add_format(out, "%g", *(const double *)field);
        else
            print_choice(o, *(const int *)field, out);
        buf_add_char(out, '\n');
    }
}

/* --- main() starts here ----------------------------------------------------------------------- */

static void print_usage(const ConfigProgram *p, Buf *out)
{
    buf_add_format(out, "%s: %s\n\n", p->name, p->summary);
    buf_add_format(out, "usage: %s [--config FILE]%s\n", p->name, p->usage ? " ..." : "");
    if (p->usage)
        buf_add_format(out, "%s\n", p->usage);
    buf_add_format(out,
                   "\n  --config FILE    settings as KEY=VALUE lines; the environment wins"
                   "\n                   (CONFIG_FILE names the file too)"
                   "\n  --help-config    every setting, its type, default and meaning"
                   "\n  --check-config   read the settings, print them without secrets, and exit"
                   "\n  --version\n  --help\n");
}

static void print_buf(Buf *out, FILE *to)
{
    fwrite(buf_str(out).ptr, 1, out->len, to);
}

ConfigStart config_start(const ConfigProgram *program, int argc, char **argv, Arena *arena,
                         void *ret_config, int *ret_next)
{
    BUF_AUTO out;
    buf_init(&out, FILE_BYTES_MAX);
    Str named = env_get((const char *const *)environ, "CONFIG_FILE");
    ConfigSource source = {.environment = (const char *const *)environ,
                           .file = named.len ? named.ptr : NULL};
    bool check_only = false, help = false, done = false;
    int next = 1;
    for (; next < argc && !done && argv[next][0] == '-'; next++) {
        Str word = str_from(argv[next]);
        if (str_is(word, "--config") && next + 1 < argc)
            source.file = argv[++next];
        else if (str_starts(word, STR("--config=")))
            source.file = argv[next] + 9;
        else if (str_is(word, "--check-config"))
            check_only = true;
        else if ((help = str_is(word, "--help") || str_is(word, "-h")))
            print_usage(program, &out), done = true;
        else if ((help = str_is(word, "--help-config")))
            config_print_help(program->options, &out), done = true;
        else if ((help = str_is(word, "--version")))
            buf_add_format(&out, "%s %s\n", program->name, FHIRBUS_VERSION), done = true;
        else
            break;
    }
    if (next < argc && str_is(str_from(argv[next]), "--config")) {
        fprintf(stderr, "%s: --config needs the name of a file; see --help\n", program->name);
        return CONFIG_REFUSED;
    }
    if (help) {
        print_buf(&out, stdout);
        return CONFIG_DONE;
    }
    if (next < argc && !program->usage) {
        fprintf(stderr, "%s: unknown argument \"%s\"; see --help\n", program->name, argv[next]);
        return CONFIG_REFUSED;
    }
    Err err = {0};
    if (!config_read(program->options, &source, arena, ret_config, &err)) {
        fprintf(stderr, "%s: %s; see %s --help-config\n", program->name, err.text, program->name);
        return CONFIG_REFUSED;
    }
    if (check_only) {
        config_print_values(program->options, ret_config, &out);
        print_buf(&out, stdout);
        return CONFIG_DONE;
    }
    if (ret_next)
        *ret_next = next;
    return CONFIG_RUN;
}
