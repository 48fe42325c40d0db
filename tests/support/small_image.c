#include "tests/support/small_image.h"

#include <unistd.h>

#include "common/base/check.h"
#include "services/validator/engine/fhir_compile.h"

static Str read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    CHECK(file && fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    CHECK(size > 0);
    size_t room = ((size_t)size + 7) / 8 * 8;
    char *bytes = aligned_alloc(8, room);
    rewind(file);
    CHECK(bytes && fread(bytes, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    return (Str){bytes, (size_t)size};
}

Str small_image(const char *const *packages)
{
    char path[] = "/tmp/small_image.XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    FhirCompileOptions options = {.packages = packages, .no_dependencies = true};
    while (packages[options.package_count])
        options.package_count++;
    ARENA_AUTO arena = arena_new((size_t)1 << 30);
    FhirCompileReport report;
    Err err = {0};
    if (!fhir_compile(&options, path, arena, &report, &err)) {
        fprintf(stderr, "small_image: %s\n", err.text);
        abort();
    }
    Str image = read_whole(path);
    unlink(path);
    return image;
}
