/* Sealing, and both kinds of key holders: what must open opens, everything else is refused by name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/vault/aead.h"
#include "tests/support/cmocka.h"

#define PLAIN STR("a document, and what it says")
#define BOUND STR("payload of interaction 1")

static const unsigned char key[DATA_KEY_BYTES] = "0123456789abcdef0123456789abcde";

/* --- AES-256-GCM ------------------------------------------------------------------------------ */

static void every_byte_of_what_is_sealed_counts(void **state)
{
    char sealed[64 + AEAD_MORE], opened[64];
    Str whole = {sealed, PLAIN.len + AEAD_MORE};
    (void)state;
    assert_true(aead_seal(key, BOUND, PLAIN, sealed));
    assert_true(aead_open(key, BOUND, whole, opened));
    assert_memory_equal(opened, PLAIN.ptr, PLAIN.len);
    for (size_t i = 0; i < whole.len; i++) { /* nonce, text, tag: any bit of any byte, any cut */
        for (int bit = 0; bit < 8; bit++) {
            sealed[i] = (char)(sealed[i] ^ 1 << bit);
            assert_false(aead_open(key, BOUND, whole, opened));
            sealed[i] = (char)(sealed[i] ^ 1 << bit);
        }
        assert_false(aead_open(key, BOUND, str_cut(whole, 0, i), opened));
        assert_false(aead_open(key, BOUND, str_skip(whole, i + 1), opened));
    }
}

static void opens_for_its_own_key_and_place_alone(void **state)
{
    char sealed[64 + AEAD_MORE], again[64 + AEAD_MORE], opened[64];
    unsigned char other[DATA_KEY_BYTES];
    Str whole = {sealed, PLAIN.len + AEAD_MORE};
    (void)state;
    assert_true(aead_seal(key, BOUND, PLAIN, sealed));
    for (size_t i = 0; i < DATA_KEY_BYTES; i++) {
        memcpy(other, key, sizeof other);
        other[i] ^= 1;
        assert_false(aead_open(other, BOUND, whole, opened));
    }
    assert_false(aead_open(key, STR("payload of interaction 2"), whole, opened));
    assert_false(aead_open(key, STR(""), whole, opened));
    assert_true(aead_seal(key, BOUND, PLAIN, again)); /* never the same nonce */
    assert_memory_not_equal(sealed, again, AEAD_NONCE);
    assert_memory_not_equal(sealed + AEAD_NONCE, again + AEAD_NONCE, PLAIN.len);
    assert_true(aead_seal(key, BOUND, STR(""), sealed) &&
                aead_open(key, BOUND, (Str){sealed, AEAD_MORE}, opened));
}

/* --- a folder --------------------------------------------------------------------------------- */

typedef struct Fixture {
    char folder[64];
    Arena *arena;
    Kms kms;
} Fixture;

static int set_up(void **state)
{
    static Fixture f;
    Err err = {0};
    snprintf(f.folder, sizeof f.folder, "/tmp/fhirbus-kms-XXXXXX");
    f.arena = arena_new(1 << 20);
    *state = &f;
    return mkdtemp(f.folder) && kms_of_folder(f.folder, &f.kms, &err) ? 0 : -1;
}

static int tear_down(void **state)
{
    Fixture *f = *state;
    char line[128];
    f->kms.close(f->kms.self);
    arena_free(f->arena);
    snprintf(line, sizeof line, "rm -rf %s", f->folder);
    return system(line); /* NOLINT(cert-env33-c): our own words */
}

static void put(const Fixture *f, const char *name, const char *bytes, size_t len)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void put_text(const Fixture *f, const char *name, const char *text)
{
    put(f, name, text, strlen(text));
}

#define HEX "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void expect_refused(const Kms *kms, const char *name, Str wrapped, const char *code)
{
    unsigned char opened[DATA_KEY_BYTES];
    Err err = {0};
    assert_false(kms->unwrap(kms->self, name, wrapped, opened, &err));
    assert_string_equal(err.code, code);
    assert_null(strstr(err.text, HEX)); /* nothing of a key */
}

static void a_folders_keys_wrap_and_unwrap(void **state)
{
    Fixture *f = *state;
    unsigned char opened[DATA_KEY_BYTES];
    char name[KMS_NAME_MAX + 1];
    Str wrapped;
    Err err = {0};
    put_text(f, "k1.key", HEX "\r\n");
    put(f, "k2.key", (const char *)key, DATA_KEY_BYTES);
    put_text(f, "active", " k1\n");
    assert_true(f->kms.active(f->kms.self, name, &err));
    assert_string_equal(name, "k1");
    for (int i = 1; i <= 2; i++) { /* as digits, and as bytes */
        snprintf(name, sizeof name, "k%d", i);
        assert_true(f->kms.wrap(f->kms.self, name, key, f->arena, &wrapped, &err));
        assert_true(f->kms.unwrap(f->kms.self, name, wrapped, opened, &err));
        assert_memory_equal(opened, key, DATA_KEY_BYTES);
        for (size_t at = 0; at < wrapped.len; at++) {
            ((char *)(uintptr_t)wrapped.ptr)[at] ^= 1;
            expect_refused(&f->kms, name, wrapped, "payload-key-wrong");
            ((char *)(uintptr_t)wrapped.ptr)[at] ^= 1;
        }
    }
}

static void a_folder_says_what_is_wrong_with_it(void **state)
{
    Fixture *f = *state;
    char name[KMS_NAME_MAX + 1];
    Str wrapped;
    Err err = {0};
    put_text(f, "k1.key", HEX);
    put_text(f, "same.key", HEX);
    assert_true(f->kms.wrap(f->kms.self, "k1", key, f->arena, &wrapped, &err));
    expect_refused(&f->kms, "gone", wrapped, "payload-key-missing");
    expect_refused(&f->kms, "same", wrapped, "payload-key-wrong"); /* bound to the name */
    expect_refused(&f->kms, "k1", str_cut(wrapped, 0, 8), "payload-key-wrong");
    static const char *const no_keys[] = {
        "",
        "0",
        HEX "0",
        "x" HEX,
        "  112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF",
        "-1112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF",
        "0x112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"};
    for (size_t i = 0; i < sizeof no_keys / sizeof no_keys[0]; i++) {
        put_text(f, "bad.key", no_keys[i]);
        expect_refused(&f->kms, "bad", wrapped, "payload-key-wrong");
    }
    static const char *const no_names[] = {"",    "\n",  "../k1", "a b",
                                           ".k1", "-k1", "k1;x",  "k1\nk2"};
    for (size_t i = 0; i < sizeof no_names / sizeof no_names[0]; i++) {
        put_text(f, "active", no_names[i]);
        assert_false(f->kms.active(f->kms.self, name, &err));
        assert_string_equal(err.code, "payload-key-missing");
    }
}

/* Names of wrapping keys come from the database: whoever may write there must not choose a path, or
 * a word of a shell's line. */
static const char *const hostile[] = {
    "../k1",         "/etc/passwd",      "k1;touch PWNED",  "$(touch PWNED)",
    "`touch PWNED`", "k1 | touch PWNED", "k1\ntouch PWNED", ""};

static void a_name_from_the_database_is_no_path(void **state)
{
    Fixture *f = *state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        expect_refused(&f->kms, hostile[i], STR("x"), "payload-key-wrong");
}

/* --- a program -------------------------------------------------------------------------------- */

static void make_program(const Fixture *f, const char *body, uint64_t timeout_ms, Kms *ret_kms)
{
    char line[256], text[1024], path[160];
    Err err = {0};
    snprintf(text, sizeof text, "cd %s || exit 9\n%s\n", f->folder, body);
    put_text(f, "kms.sh", text);
    snprintf(path, sizeof path, "%s/kms.sh", f->folder);
    assert_int_equal(chmod(path, 0700), 0);
    snprintf(line, sizeof line, "sh %s", path);
    assert_true(kms_of_command(line, timeout_ms, ret_kms, &err));
}

/* Something like a key service: openssl with a key that it holds itself. */
#define SERVICE                                                                                    \
    "case $1 in active) echo k9;;\n"                                                               \
    "wrap) openssl enc -aes-256-ctr -a -A -K " HEX " -iv 00000000000000000000000000000000;;\n"     \
    "unwrap) openssl enc -d -aes-256-ctr -a -A -K " HEX                                            \
    " -iv 00000000000000000000000000000000;;\n"                                                    \
    "esac\n"                                                                                       \
    "echo \"$1 $2\" >> asked"

static void a_program_wraps_and_unwraps(void **state)
{
    Fixture *f = *state;
    unsigned char opened[DATA_KEY_BYTES];
    char name[KMS_NAME_MAX + 1];
    Str wrapped;
    Err err = {0};
    Kms kms;
    make_program(f, SERVICE, 20000, &kms);
    assert_true(kms.active(kms.self, name, &err));
    assert_string_equal(name, "k9");
    assert_true(kms.wrap(kms.self, "k9", key, f->arena, &wrapped, &err));
    assert_memory_not_equal(wrapped.ptr, key, DATA_KEY_BYTES);
    assert_true(kms.unwrap(kms.self, "k9", wrapped, opened, &err));
    assert_memory_equal(opened, key, DATA_KEY_BYTES);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        expect_refused(&kms, hostile[i], wrapped, "payload-key-wrong");
    char path[160];
    snprintf(path, sizeof path, "%s/PWNED", f->folder);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access("PWNED", F_OK), 0);
    kms.close(kms.self);
}

static void a_program_that_fails_is_away(void **state)
{
    Fixture *f = *state;
    static const char *const bodies[] = {
        "exit 3",                                    /* says so */
        "cat > /dev/null; kill -9 $$",               /* dies */
        "exec < /dev/null; exit 1",                  /* and does not read */
        "cat; exit 7",                               /* what it printed does not count */
        "cat > /dev/null; head -c 100000 /dev/zero", /* says more than can be */
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        Kms kms;
        make_program(f, bodies[i], 20000, &kms);
        unsigned char opened[DATA_KEY_BYTES];
        Err err = {0};
        assert_false(kms.unwrap(kms.self, "k9", STR("wrapped"), opened, &err));
        assert_true(strcmp(err.code, i < 4 ? "kms-away" : "payload-key-wrong") == 0 ||
                    (i == 4 && strcmp(err.code, "kms-away") == 0));
        kms.close(kms.self);
    }
    Kms kms;
    make_program(f, "cat > /dev/null; echo AAAA", 20000, &kms); /* three bytes are no key */
    expect_refused(&kms, "k9", STR("wrapped"), "payload-key-wrong");
    kms.close(kms.self);
    make_program(f, "cat > /dev/null; echo 'no base64!'", 20000, &kms);
    expect_refused(&kms, "k9", STR("wrapped"), "payload-key-wrong");
    kms.close(kms.self);
    Err err = {0};
    assert_true(kms_of_command("/nowhere/at/all", 20000, &kms, &err));
    expect_refused(&kms, "k9", STR("wrapped"), "kms-away");
    kms.close(kms.self);
}

/* Also one that closes its output and stays, or leaves children behind. */
static void a_program_that_hangs_is_ended_with_all_it_started(void **state)
{
    Fixture *f = *state;
    static const char *const bodies[] = {"sleep 77", "exec 1>&-; sleep 77",
                                         "sleep 77 & echo $! > child; sleep 77"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        Kms kms;
        make_program(f, bodies[i], 400, &kms);
        int64_t began = clock_mono_ms();
        expect_refused(&kms, "k9", STR("wrapped"), "kms-away");
        assert_true(clock_mono_ms() - began < 60000);
        kms.close(kms.self);
    }
    char path[160];
    int child = 0;
    snprintf(path, sizeof path, "%s/child", f->folder);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &child), 1); /* NOLINT(cert-err34-c) */
    fclose(file);
    bool gone = false; /* or a zombie that waits for init */
    for (int i = 0; i < 100 && !gone; i++) {
        char line[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", child);
        FILE *stat = fopen(path, "re");
        gone = !stat || !fgets(line, sizeof line, stat) || strstr(line, ") Z");
        if (stat)
            fclose(stat);
        usleep(gone ? 0 : 20000);
    }
    assert_true(gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_what_is_sealed_counts),
        cmocka_unit_test(opens_for_its_own_key_and_place_alone),
        cmocka_unit_test_setup_teardown(a_folders_keys_wrap_and_unwrap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_says_what_is_wrong_with_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_from_the_database_is_no_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_program_wraps_and_unwraps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_program_that_fails_is_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_program_that_hangs_is_ended_with_all_it_started, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("kms", tests, NULL, NULL);
}
