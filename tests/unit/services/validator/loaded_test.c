/* What a validator says of the images that it has open. */
#include "services/validator/loaded.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/support/cmocka.h"
#include "tests/support/small_image.h"

typedef struct Bench {
    char folder[32];
    Arena *arena;
} Bench;

static int bench_up(void **state)
{
    static Bench bench;
    snprintf(bench.folder, sizeof bench.folder, "/tmp/loaded_test.XXXXXX");
    bench.arena = arena_new(1 << 24);
    *state = &bench;
    return bench.arena && mkdtemp(bench.folder) ? 0 : -1;
}

static const char *path_of(const Bench *bench, const char *name)
{
    return arena_format(bench->arena, "%s/%s.image", bench->folder, name).ptr;
}

static int bench_down(void **state)
{
    Bench *bench = *state;
    unlink(path_of(bench, "base"));
    unlink(path_of(bench, "guide"));
    rmdir(bench->folder);
    arena_free(bench->arena);
    return 0;
}

static void drop_in(const Bench *bench, const char *name, const char *const *packages)
{
    Str image = small_image(packages);
    FILE *file = fopen(path_of(bench, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(image.ptr, 1, image.len, file), image.len);
    assert_int_equal(fclose(file), 0);
    free((void *)(uintptr_t)image.ptr);
}

static Loaded described(const Images *images, bool whole, Arena *arena)
{
    Loaded loaded = {.instance = STR("v")};
    Err err = {0};
    if (!loaded_describe(images, whole, arena, &loaded, &err))
        fail_msg("%s %s", err.code, err.text);
    assert_true(str_is(loaded.instance, "v"));
    return loaded;
}

static const LoadedImage *named(const Loaded *loaded, Str name)
{
    for (uint32_t i = 0; i < loaded->image_count; i++)
        if (str_eq(loaded->images[i].name, name))
            return &loaded->images[i];
    fail_msg("no image %.*s", STR_ARG(name));
    return NULL;
}

static const char base[] = "tests/fuzz/data/snapshot-base", guide[] = "tests/fuzz/data/small-ig";

static void an_image_says_what_it_was_made_of(void **state)
{
    Bench *bench = *state;
    Images *images;
    Err err = {0};
    drop_in(bench, "guide", (const char *[]){guide, base, NULL});
    assert_true(images_open(bench->folder, NULL, &images, &err));
    Loaded loaded = described(images, true, bench->arena);
    assert_int_equal(loaded.image_count, 1);
    const LoadedImage *image = &loaded.images[0];
    assert_int_equal(image->digest.len, 16);
    assert_true(image->bytes > 1000 && image->loaded_at_us == images_opened_at_us(images));
    assert_int_equal(image->package_count, 2);
    assert_true(str_eq(image->packages[0].name, image->name) &&
                str_eq(image->packages[0].value, image->version));
    assert_true(str_is(image->packages[1].name, "snapshot-base"));
    assert_true(image->profiles > 0);
    assert_int_equal(image->profile_url_count, image->profiles);
    for (uint32_t i = 0; i < image->profile_url_count; i++)
        assert_int_equal(
            fhir_validator_image_of_profile(images_engine(images), image->profile_urls[i]), 0);
    Loaded brief = described(images, false, bench->arena);
    assert_true(str_eq(brief.images[0].digest, image->digest));
    assert_true(!brief.images[0].described && brief.images[0].package_count == 0);
    assert_int_equal(brief.images[0].profiles, image->profiles);
    images_close(images);
}

static void what_stays_keeps_its_time_when_another_comes(void **state)
{
    Bench *bench = *state;
    Images *images;
    Err err = {0};
    assert_true(images_open(bench->folder, NULL, &images, &err));
    Loaded before = described(images, false, bench->arena);
    drop_in(bench, "base", (const char *[]){base, NULL});
    assert_true(images_refresh(images, false));
    Loaded after = described(images, false, bench->arena);
    assert_int_equal(before.image_count, 1);
    assert_int_equal(after.image_count, 2);
    const LoadedImage *stayed = named(&after, STR("small-ig"));
    const LoadedImage *came = named(&after, STR("snapshot-base"));
    assert_int_equal(stayed->loaded_at_us, before.images[0].loaded_at_us);
    assert_true(str_eq(stayed->digest, before.images[0].digest));
    assert_int_equal(came->loaded_at_us, images_opened_at_us(images));
    assert_true(came->loaded_at_us > stayed->loaded_at_us);
    assert_true(!str_eq(came->digest, stayed->digest));
    images_close(images);
}

static void without_images_there_is_nothing_to_say(void **state)
{
    Bench *bench = *state;
    Images *images;
    Err err = {0};
    assert_true(images_open(NULL, NULL, &images, &err));
    assert_int_equal(described(images, true, bench->arena).image_count, 0);
    images_close(images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_says_what_it_was_made_of),
        cmocka_unit_test(what_stays_keeps_its_time_when_another_comes),
        cmocka_unit_test(without_images_there_is_nothing_to_say),
    };
    return cmocka_run_group_tests_name("loaded", tests, bench_up, bench_down);
}
