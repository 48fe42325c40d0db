#include <sys/mman.h>
#include <unistd.h>

#include "common/base/check.h"
#include "services/validator/engine/package/package.h"
#include "tests/fuzz/target.h"

/* The bytes are a package, packed or a plain tar, or a loose resource; whatever is loaded is looked
 * up again and read. A memory file stands in for the path. */

static void look_up(Packages *packages, const PackageResource *resource)
{
    const JsonDoc *doc;
    Err err = {0};
    CHECK(resource->type.len && resource->index < packages_resource_count(packages));
    if (packages_doc(packages, resource, &doc, &err))
        CHECK(doc->count > 0);
    if (resource->url.len && str_find_char(resource->url, '|') == resource->url.len &&
        str_find_char(resource->url, '#') == resource->url.len &&
        resource->package->kind != PACKAGE_EXPANSIONS)
        CHECK(packages_find(packages, NULL, resource->type, resource->url));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("package.json", MFD_CLOEXEC);
    char path[64];
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const char *paths[] = {path};
    PackagesOptions options = {
        .paths = paths,
        .path_count = 1,
        .examples = size % 2,
        .limits = {.bytes = 8 << 20,
                   .file_bytes = 1 << 20,
                   .files = 1000,
                   .memory_bytes = 32 << 20},
    };
    Packages *packages = NULL;
    Err err = {0};
    if (packages_load(&options, &packages, &err)) {
        for (size_t i = 0; i < packages_count(packages); i++)
            for (uint32_t r = 0; r < packages_at(packages, i)->resource_count; r++)
                look_up(packages, packages_at(packages, i)->resources[r]);
    } else {
        CHECK(err.code);
    }
    packages_free(packages);
    close(fd);
    return 0;
}
