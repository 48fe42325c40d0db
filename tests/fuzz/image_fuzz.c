/* The bytes are damages to a small compiled image, eight each: which section (0: the header and the
 * table of sections), where in it, and what stands there from now on. The damaged image, whose
 * checksums are not compared, is refused or validates without harm. Kept as damages, an input
 * outlives changes of the format; the last bytes may cut the image short. */
#include "common/base/check.h"
#include "services/validator/engine/fhir_validator.h"
#include "services/validator/engine/image/image.h"
#include "tests/fuzz/target.h"
#include "tests/support/small_image.h"

enum { DAMAGE_BYTES = 8, DAMAGES_MAX = 64, SECTIONS = IMAGE_RESOURCES + 1, HEADER_BYTES = 1024 };

static const char *const packages[] = {"tests/fuzz/data/small-ig", "tests/fuzz/data/snapshot-base",
                                       NULL};
static const char *const resources[] = {
#include "tests/fuzz/data/image_resources.inc" /* strings */
};

static Str whole; /* as compiled */
static char *damaged;

/* Where the damage is done: an offset into the image. */
static size_t place(const Image *image, const uint8_t *damage)
{
    size_t within = (size_t)damage[1] | (size_t)damage[2] << 8 | (size_t)damage[3] << 16;
    uint32_t id = damage[0] % SECTIONS;
    Str section = id ? image_section(image, (ImageSectionId)id) : (Str){whole.ptr, HEADER_BYTES};
    if (section.len < 4)
        section = (Str){whole.ptr, HEADER_BYTES};
    return (size_t)(section.ptr - whole.ptr) + within % (section.len - 3);
}

static void validate_all(const FhirValidator *validator)
{
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++) {
        ARENA_AUTO arena = arena_new(64U << 20);
        ValidateOptions options = {
            .image = 0, .limits = {.steps = 200000, .issues = 500}
        };
        Verdict verdict;
        Err err = {0};
        if (fhir_validate(validator, str_from(resources[i]), &options, arena, &verdict, &err))
            (void)fhir_verdict_outcome(&verdict, arena);
        else
            CHECK(err.code);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    whole = small_image(packages);
    damaged = aligned_alloc(64, (whole.len + 63) / 64 * 64);
    CHECK(damaged);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memcpy(damaged, whole.ptr, whole.len);
    Image image;
    CHECK(image_over(whole, &image, NULL));
    for (size_t i = 0; i + DAMAGE_BYTES <= size && i < DAMAGES_MAX * DAMAGE_BYTES;
         i += DAMAGE_BYTES)
        memcpy(damaged + place(&image, data + i), data + i + 4, 4);
    Str bytes = {damaged, whole.len};
    if (size % DAMAGE_BYTES >= 2) /* cut short */
        bytes.len = (size_t)(data[size - 1] | data[size - 2] << 8) % whole.len;
    FhirValidator *validator = NULL;
    Err err = {0};
    if (fhir_validator_over(&bytes, 1, &validator, &err))
        validate_all(validator);
    else
        CHECK(err.code && err.text[0]);
    fhir_validator_close(validator);
    return 0;
}
