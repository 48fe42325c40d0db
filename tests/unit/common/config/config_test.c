#include "common/config/config.h"

#include <unistd.h>

#include "tests/support/cmocka.h"

typedef struct Sample {
    const char *brokers;
    const char *name;
    const char *password;
    bool anonymous;
    uint64_t limit_bytes;
    double factor;
    int level;
    struct {
        uint64_t port;
    } db;
} Sample;

#define OPT(...) CONFIG_OPTION(Sample, __VA_ARGS__)
static const ConfigOption options[] = {
    OPT("BROKERS", CONFIG_TEXT, brokers, CONFIG_REQUIRED, "host:port,..."),
    OPT("NAME", CONFIG_TEXT, name, NULL, "a name"),
    OPT("PASSWORD", CONFIG_SECRET, password, NULL, "the password"),
    OPT("ANONYMOUS", CONFIG_BOOL, anonymous, "no", "let all in"),
    OPT("LIMIT_BYTES", CONFIG_UINT, limit_bytes, "10485760", "of a body", .min = 1024,
        .max = 104857600),
    OPT("FACTOR", CONFIG_NUMBER, factor, "1.5", "of something", .min = 1, .max = 4),
    OPT("LEVEL", CONFIG_CHOICE, level, "info", "of the log", .choices = "debug|info|warn"),
    OPT("DB_PORT", CONFIG_UINT, db.port, "5432", "of the database"),
    {0},
};

static Arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(4 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static bool read_with(const char *const *environment, const char *file, Sample *ret, Err *err)
{
    *ret = (Sample){0};
    ConfigSource source = {environment, file};
    return config_read(options, &source, arena, ret, err);
}

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void defaults_fill_what_the_environment_leaves(void **state)
{
    (void)state;
    Sample s;
    Err err = {0};
    const char *env[] = {"BROKERS=a:1,b:2", "BROKERSX=no", "NAME=", NULL};
    assert_true(read_with(env, NULL, &s, &err));
    assert_string_equal(s.brokers, "a:1,b:2");
    assert_null(s.name);
    assert_null(s.password);
    assert_false(s.anonymous);
    assert_int_equal(s.limit_bytes, 10485760);
    assert_true(s.factor > 1.49 && s.factor < 1.51);
    assert_int_equal(s.level, 1);
    assert_int_equal(s.db.port, 5432);
}

static void every_type_reads_its_value(void **state)
{
    (void)state;
    Sample s;
    Err err = {0};
    const char *env[] = {"BROKERS=x",     "NAME=n m",         "PASSWORD=p=q",
                         "ANONYMOUS=Yes", "LIMIT_BYTES=2048", "FACTOR=2.25",
                         "LEVEL=warn",    "DB_PORT=1",        NULL};
    assert_true(read_with(env, NULL, &s, &err));
    assert_string_equal(s.name, "n m");
    assert_string_equal(s.password, "p=q");
    assert_true(s.anonymous);
    assert_int_equal(s.limit_bytes, 2048);
    assert_true(s.factor > 2.24 && s.factor < 2.26);
    assert_int_equal(s.level, 2);
    assert_int_equal(s.db.port, 1);
}

static void bad_values_are_named_with_what_would_be_right(void **state)
{
    (void)state;
    static const struct {
        const char *setting, *part1, *part2;
    } cases[] = {
        {"LIMIT_BYTES=10MB",                    "LIMIT_BYTES (from environment): \"10MB\"", "1024 to 104857600"   },
        {"LIMIT_BYTES=1023",                    "\"1023\"",                                 "from 1024"           },
        {"LIMIT_BYTES=104857601",               "\"104857601\"",                            "104857600"           },
        {"LIMIT_BYTES=-1",                      "\"-1\"",                                   "whole number"        },
        {"LIMIT_BYTES=99999999999999999999999", "LIMIT_BYTES",                              "whole number"        },
        {"ANONYMOUS=maybe",                     "ANONYMOUS",                                "yes, no"             },
        {"FACTOR=nan",                          "FACTOR",                                   "a number"            },
        {"FACTOR=1.5x",                         "FACTOR",                                   "a number from 1 to 4"},
        {"FACTOR=5",                            "FACTOR",                                   "a number from 1 to 4"},
        {"LEVEL=INFO",                          "LEVEL",                                    "debug|info|warn"     },
        {"DB_PORT=http",                        "DB_PORT",                                  "whole number"        },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Sample s;
        Err err = {0};
        char *setting = strdup(cases[i].setting);
        const char *env[] = {"BROKERS=x", setting, NULL};
        assert_false(read_with(env, NULL, &s, &err));
        assert_string_equal(err.code, "config-value");
        assert_int_equal(err.kind, ERR_FATAL);
        if (!strstr(err.text, cases[i].part1) || !strstr(err.text, cases[i].part2))
            fail_msg("%s: %s", cases[i].setting, err.text);
        free(setting);
    }
}

static void a_required_option_is_asked_for(void **state)
{
    (void)state;
    Sample s;
    Err err = {0};
    const char *env[] = {"BROKERS=", NULL};
    assert_false(read_with(env, NULL, &s, &err));
    assert_string_equal(err.code, "config-missing");
    assert_non_null(strstr(err.text, "BROKERS is required: host:port,..."));
}

static void the_environment_wins_over_the_file(void **state)
{
    (void)state;
    Sample s;
    Err err = {0};
    char path[] = "/tmp/fhirbus-config-XXXXXX";
    write_file(path, "# comment\n\nBROKERS = file:1\nexport NAME=\"quoted value\"\r\nDB_PORT=7\n");
    const char *env[] = {"DB_PORT=8", NULL};
    assert_true(read_with(env, path, &s, &err));
    assert_string_equal(s.brokers, "file:1");
    assert_string_equal(s.name, "quoted value");
    assert_int_equal(s.db.port, 8);
    unlink(path);
}

static void a_file_with_an_unknown_key_or_line_is_refused(void **state)
{
    (void)state;
    static const char *const files[][3] = {
        {"BROKERS=x\nBROKER=y\n",    "config-unknown", ":2: no option is called \"BROKER\""},
        {"BROKERS=x\nNAME_FILE=y\n", "config-unknown", "NAME_FILE"                         },
        {"BROKERS=x\nhello\n",       "config-file",    ":2: expected KEY=VALUE"            },
    };
    for (size_t i = 0; i < 3; i++) {
        Sample s;
        Err err = {0};
        char path[] = "/tmp/fhirbus-config-XXXXXX";
        write_file(path, files[i][0]);
        assert_false(read_with(NULL, path, &s, &err));
        assert_string_equal(err.code, files[i][1]);
        assert_non_null(strstr(err.text, files[i][2]));
        unlink(path);
    }
    Sample s;
    Err err = {0};
    assert_false(read_with(NULL, "/nowhere/at/all", &s, &err));
    assert_string_equal(err.code, "config-file");
}

static void a_secret_comes_from_its_file_and_is_never_shown(void **state)
{
    (void)state;
    Sample s;
    Err err = {0};
    char path[] = "/tmp/fhirbus-secret-XXXXXX", setting[64];
    write_file(path, "s3cret\n");
    snprintf(setting, sizeof setting, "PASSWORD_FILE=%s", path);
    const char *env[] = {"BROKERS=x", setting, NULL, NULL};
    assert_true(read_with(env, NULL, &s, &err));
    assert_string_equal(s.password, "s3cret");
    BUF_AUTO out;
    buf_init(&out, 65536);
    config_print_values(options, &s, &out);
    assert_null(strstr(out.data, "s3cret"));
    assert_non_null(strstr(out.data, "PASSWORD=(set)\n"));
    assert_non_null(strstr(out.data, "LEVEL=info\n"));
    env[2] = "PASSWORD=other";
    assert_false(read_with(env, NULL, &s, &err));
    assert_non_null(strstr(err.text, "both"));
    assert_null(strstr(err.text, "other"));
    unlink(path);
    env[2] = NULL;
    assert_false(read_with(env, NULL, &s, &err));
    assert_string_equal(err.code, "config-file");
}

static void help_lists_each_option_with_default_and_range(void **state)
{
    (void)state;
    BUF_AUTO out;
    buf_init(&out, 65536);
    config_print_help(options, &out);
    for (const ConfigOption *o = options; o->name; o++)
        assert_non_null(strstr(out.data, o->name));
    assert_non_null(strstr(out.data, "whole number 1024..104857600; default 10485760"));
    assert_non_null(strstr(out.data, "text; required"));
    assert_non_null(strstr(out.data, "secret (or NAME_FILE)"));
    assert_non_null(strstr(out.data, "debug|info|warn; default info"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_the_environment_leaves),
        cmocka_unit_test(every_type_reads_its_value),
        cmocka_unit_test(bad_values_are_named_with_what_would_be_right),
        cmocka_unit_test(a_required_option_is_asked_for),
        cmocka_unit_test(the_environment_wins_over_the_file),
        cmocka_unit_test(a_file_with_an_unknown_key_or_line_is_refused),
        cmocka_unit_test(a_secret_comes_from_its_file_and_is_never_shown),
        cmocka_unit_test(help_lists_each_option_with_default_and_range),
    };
    return cmocka_run_group_tests_name("config", tests, set_up, tear_down);
}
