/* The vault with a real table of data keys: what opens where, wrong and missing keys, rotation by
 * wrapping anew, a key service that goes away. */
#include "common/vault/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/support/cmocka.h"
#include "tests/support/private_postgres.h"

#define ONE STR("018f6b1e-0000-7000-8000-000000000001")
#define TWO STR("018f6b1e-0000-7000-8000-000000000002")
#define DOCUMENT STR("{\"resourceType\":\"Bundle\"}")

static const DbStatement q_keys = {"keys", "SELECT count(*), count(DISTINCT wrapped_by), "
                                           "max(wrapped_by) FROM fhirbus.data_key"};
static const DbStatement q_forget = {"forget", "DELETE FROM fhirbus.data_key"};
static const DbStatement q_hostile = {"hostile", "UPDATE fhirbus.data_key SET wrapped_by = $1"};
static const DbStatement *const admin_statements[] = {&q_keys, &q_forget, &q_hostile, NULL};

static PrivatePostgres pg;
static Db *admin;
static Arena *arena;
static char folder[64], command[160];
static VaultConfig config;

static void put(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static void drop(const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

#define KEY_1 "1111111111111111111111111111111111111111111111111111111111111111\n"
#define KEY_2 "2222222222222222222222222222222222222222222222222222222222222222\n"

static int begin(void **state)
{
    DbParams none;
    Err err = {0};
    (void)state;
    arena_reset(arena);
    db_params_init(&none, arena);
    config =
        (VaultConfig){.keys = folder, .command_timeout_ms = 20000, .seal = true, .objects = 10000};
    put("k1.key", KEY_1);
    put("k2.key", KEY_2);
    put("active", "k1\n");
    return db_run(admin, &q_forget, &none, NULL, &err) ? 0 : -1;
}

static Vault *open_vault(bool writes)
{
    Vault *vault = NULL;
    Err err = {0};
    assert_true(vault_open(&config, &pg.config, writes, NULL, &vault, &err));
    return vault;
}

/* Until it is as wanted; what it says by then is in `why`. */
static bool comes(Vault *vault, bool (*is)(Vault *, Buf *), Buf *why)
{
    for (int64_t until = clock_mono_ms() + 60000; clock_mono_ms() < until; usleep(20000)) {
        buf_reset(why);
        if (is(vault, why))
            return true;
    }
    return false;
}

static Vault *ready_vault(bool writes)
{
    Vault *vault = open_vault(writes);
    BUF_AUTO why;
    buf_init(&why, 1024);
    assert_true(comes(vault, vault_ready, &why));
    return vault;
}

static Str sealed_by(Vault *vault, Str id)
{
    Str sealed;
    Err err = {0};
    assert_true(vault_seal(vault, VAULT_PAYLOAD, id, DOCUMENT, arena, &sealed, &err));
    assert_true(vault_is_sealed(sealed));
    return sealed;
}

static const char *opening(Vault *vault, unsigned columns, Str id, Str sealed)
{
    Str opened;
    Err err = {0};
    if (!vault_unseal(vault, columns, id, sealed, arena, &opened, &err))
        return err.code;
    return str_eq(opened, DOCUMENT) ? "opened" : "something else";
}
#define expect_opening(vault, columns, id, sealed, code)                                           \
    assert_string_equal(opening((vault), (columns), (id), (sealed)), (code))

static void opens_in_its_own_place_alone(void **state)
{
    Vault *vault = ready_vault(true), *reader = ready_vault(false);
    Str sealed = sealed_by(vault, ONE), plain;
    Err err = {0};
    (void)state;
    expect_opening(vault, VAULT_ONE(VAULT_PAYLOAD), ONE, sealed, "opened");
    expect_opening(reader, VAULT_ONE(VAULT_PAYLOAD), ONE, sealed, "opened"); /* by the database */
    expect_opening(reader, VAULT_ONE(VAULT_PAYLOAD), TWO, sealed, "payload-sealed");
    expect_opening(reader, VAULT_ONE(VAULT_OUTCOME), ONE, sealed, "payload-sealed");
    expect_opening(reader, VAULT_ONE(VAULT_PAYLOAD), STR("018F6B1E-0000-7000-8000-000000000001"),
                   sealed, "opened"); /* ids are the same in capitals */
    expect_opening(NULL, VAULT_ONE(VAULT_PAYLOAD), ONE, sealed, "payload-key-missing");
    expect_opening(NULL, VAULT_ONE(VAULT_PAYLOAD), ONE, DOCUMENT, "opened"); /* never sealed */
    assert_true(vault_seal(reader, VAULT_PAYLOAD, ONE, DOCUMENT, arena, &plain, &err));
    assert_true(str_eq(plain, DOCUMENT)); /* who only reads seals nothing */
    vault_close(vault);
    vault_close(reader);
}

static void every_byte_counts(void **state)
{
    enum { MARK = 4, COLUMN = 1, KEY = 16 };
    Vault *vault = ready_vault(true);
    Str sealed = sealed_by(vault, ONE);
    char *changed = arena_alloc(arena, sealed.len);
    (void)state;
    for (size_t i = MARK; i < sealed.len; i++) {
        memcpy(changed, sealed.ptr, sealed.len);
        changed[i] = (char)(changed[i] ^ 0x10);
        bool of_key = i >= MARK + COLUMN && i < MARK + COLUMN + KEY;
        expect_opening(vault, ~0U, ONE, ((Str){changed, sealed.len}),
                       of_key ? "payload-key-missing" : "payload-sealed");
    }
    expect_opening(vault, ~0U, ONE, str_cut(sealed, 0, sealed.len - 1), "payload-sealed");
    vault_close(vault);
}

static void ask_keys(int64_t *ret_keys, int64_t *ret_names)
{
    DbParams none;
    DbResult *result = NULL;
    Err err = {0};
    db_params_init(&none, arena);
    assert_true(db_run(admin, &q_keys, &none, &result, &err));
    *ret_keys = db_get_int(result, 0, 0);
    *ret_names = db_get_int(result, 0, 1);
    db_result_free(result);
}

static void a_data_key_serves_so_many(void **state)
{
    enum { EACH = 5, VALUES = 40 };
    int64_t keys = 0, names = 0;
    (void)state;
    config.objects = EACH;
    Vault *vault = ready_vault(true);
    Str sealed[VALUES];
    for (int i = 0; i < VALUES; i++) {
        sealed[i] = sealed_by(vault, ONE);
        for (int64_t before = keys; i % EACH == EACH - 1 && keys == before; usleep(20000))
            ask_keys(&keys, &names); /* the next one is there soon */
    }
    assert_true(keys >= VALUES / EACH);
    vault_close(vault);
    Vault *reader = ready_vault(false);
    for (int i = 0; i < VALUES; i++)
        expect_opening(reader, VAULT_ONE(VAULT_PAYLOAD), ONE, sealed[i], "opened");
    vault_close(reader);
}

static bool run_tool(const char *verb)
{
    char line[512];
    const char *out = getenv("OUT");
    snprintf(
        line, sizeof line,
        "DB_HOST=127.0.0.1 DB_PORT=%s DB_NAME=postgres DB_USER=postgres DB_TLS=disable "
        "KAFKA_BROKERS=127.0.0.1:9 PAYLOAD_KEYS=%s %s/bin/fhirbus-payload-keys %s >%s/said 2>&1",
        pg.port, folder, out ? out : "build/release", verb, folder);
    int code = system(line); /* NOLINT(cert-env33-c): our own words */
    (void)code; /* no brokers here: the act is not recorded, which the tool says, and is done */
    char said[96], text[1024] = "";
    snprintf(said, sizeof said, "%s/said", folder);
    FILE *file = fopen(said, "re");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    return len && strstr(text, " 0 left");
}

static void rotation_wraps_anew_and_touches_no_value(void **state)
{
    int64_t keys = 0, names = 0;
    (void)state;
    Vault *before = ready_vault(true);
    Str sealed = sealed_by(before, ONE);
    vault_close(before);
    put("active", "k2\n");
    assert_true(run_tool("rotate"));
    ask_keys(&keys, &names);
    assert_int_equal(names, 1);
    drop("k1.key");
    Vault *after = ready_vault(true);
    expect_opening(after, VAULT_ONE(VAULT_PAYLOAD), ONE, sealed, "opened");
    Str later = sealed_by(after, TWO);
    expect_opening(after, VAULT_ONE(VAULT_PAYLOAD), TWO, later, "opened");
    vault_close(after);
    ask_keys(&keys, &names);
    assert_int_equal(names, 1);
}

static void keys_that_do_not_fit_are_told(void **state)
{
    BUF_AUTO why;
    buf_init(&why, 1024);
    (void)state;
    Vault *vault = ready_vault(true);
    Str sealed = sealed_by(vault, ONE);
    vault_close(vault);
    put("k1.key", KEY_2);
    vault = open_vault(true);
    assert_true(comes(vault, vault_wrong, &why));
    assert_int_not_equal(str_find(buf_str(&why), STR("k1.key is not the key")), SIZE_MAX);
    assert_false(vault_ready(vault, NULL));
    expect_opening(vault, VAULT_ONE(VAULT_PAYLOAD), ONE, sealed, "payload-key-wrong");
    vault_close(vault);
    drop("k1.key");
    vault = open_vault(false);
    assert_true(comes(vault, vault_wrong, &why));
    assert_int_not_equal(str_find(buf_str(&why), STR("there is no k1.key")), SIZE_MAX);
    vault_close(vault);
}

static void a_row_that_names_a_command_runs_none(void **state)
{
    DbParams params;
    Err err = {0};
    BUF_AUTO why;
    buf_init(&why, 1024);
    (void)state;
    vault_close(ready_vault(true));
    db_params_init(&params, arena);
    db_text(&params, arena_format(arena, "k1;touch %s/PWNED", folder));
    assert_true(db_run(admin, &q_hostile, &params, NULL, &err));
    config.keys = NULL;
    config.command = command;
    put("kms.sh", "echo k1\n");
    Vault *vault = open_vault(true);
    assert_true(comes(vault, vault_wrong, &why));
    vault_close(vault);
    char path[96];
    snprintf(path, sizeof path, "%s/PWNED", folder);
    assert_int_not_equal(access(path, F_OK), 0);
}

static bool says_failed(Vault *vault, Buf *why)
{
    return !vault_ready(vault, why) && str_find(buf_str(why), STR("failed")) != SIZE_MAX;
}

/* A program that keeps the data key as it is: only the way there is looked at. */
#define SERVICE "case $1 in active) echo k1;; *) cat;; esac\n"

static void a_key_service_that_is_away_is_waited_for(void **state)
{
    BUF_AUTO why;
    Str sealed;
    Err err = {0};
    buf_init(&why, 1024);
    (void)state;
    config.keys = NULL;
    config.command = command;
    put("kms.sh", "exit 3\n");
    Vault *vault = open_vault(true);
    assert_true(comes(vault, says_failed, &why)); /* and why */
    assert_false(vault_seal(vault, VAULT_PAYLOAD, ONE, DOCUMENT, arena, &sealed, &err));
    assert_string_equal(err.code, "payload-key-away");
    assert_int_equal(err.kind, ERR_RETRY); /* nothing is stored in the clear meanwhile */
    put("kms.sh", SERVICE);
    assert_true(comes(vault, vault_ready, &why));
    sealed = sealed_by(vault, ONE);
    put("kms.sh", "exit 3\n"); /* away again: what is known goes on */
    expect_opening(vault, VAULT_ONE(VAULT_PAYLOAD), ONE, sealed, "opened");
    (void)sealed_by(vault, TWO);
    vault_close(vault);
}

int main(void)
{
    if (!private_postgres_start(&pg)) {
        printf("ok 1 - vault # SKIP no PostgreSQL to start\n1..1\n");
        return 0;
    }
    snprintf(folder, sizeof folder, "/tmp/fhirbus-vault-XXXXXX");
    if (!private_postgres_migrate(&pg) || !mkdtemp(folder)) {
        printf("not ok 1 - fhirbus-migrate up\n1..1\n");
        private_postgres_stop(&pg);
        return 1;
    }
    snprintf(command, sizeof command, "sh %s/kms.sh", folder);
    arena = arena_new(16 << 20);
    admin = db_new(&pg.config, admin_statements, "vault_test", NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(opens_in_its_own_place_alone, begin),
        cmocka_unit_test_setup(every_byte_counts, begin),
        cmocka_unit_test_setup(a_data_key_serves_so_many, begin),
        cmocka_unit_test_setup(rotation_wraps_anew_and_touches_no_value, begin),
        cmocka_unit_test_setup(keys_that_do_not_fit_are_told, begin),
        cmocka_unit_test_setup(a_row_that_names_a_command_runs_none, begin),
        cmocka_unit_test_setup(a_key_service_that_is_away_is_waited_for, begin),
    };
    int failed = cmocka_run_group_tests_name("vault", tests, NULL, NULL);
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", folder);
    failed += system(line) != 0; /* NOLINT(cert-env33-c): our own words */
    db_free(admin);
    arena_free(arena);
    private_postgres_stop(&pg);
    return failed;
}
