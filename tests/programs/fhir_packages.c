/* fhir_packages - what the loader makes of packages: usage: fhir_packages [-d FOLDER]... PATH... ;
 * prints packages, closures, counts, warnings and the time it took; -p parses every resource. */
#include <time.h>
#include <unistd.h> /* IWYU pragma: keep */

#include "services/validator/engine/package/package.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void show(const Package *p)
{
    printf("%.*s#%.*s%s: %u resources; closure", STR_ARG(p->name), STR_ARG(p->version),
           p->asked_for ? "" : " (dependency)", p->resource_count);
    for (uint32_t i = 0; i < p->closure_count; i++)
        printf(" %.*s#%.*s", STR_ARG(p->closure[i]->name), STR_ARG(p->closure[i]->version));
    printf("\n");
}

static size_t parse_all(Packages *packages)
{
    size_t nodes = 0;
    for (size_t i = 0; i < packages_count(packages); i++) {
        const Package *p = packages_at(packages, i);
        for (uint32_t r = 0; r < p->resource_count; r++) {
            const JsonDoc *doc;
            Err err = {0};
            if (packages_doc(packages, p->resources[r], &doc, &err))
                nodes += doc->count;
            else
                printf("%.*s: %s %s\n", STR_ARG(p->resources[r]->file), err.code, err.text);
        }
    }
    return nodes;
}

int main(int argc, char **argv)
{
    const char *folders[16];
    PackagesOptions options = {.folders = folders};
    bool parse = false;
    for (int c; (c = getopt(argc, argv, "d:pe")) != -1;) {
        if (c == 'd' && options.folder_count < 16)
            folders[options.folder_count++] = optarg;
        parse |= c == 'p';
        options.examples |= c == 'e';
    }
    options.paths = (const char *const *)(void *)(argv + optind);
    options.path_count = (size_t)(argc - optind);
    Err err = {0};
    double start = now_s();
    PACKAGES_AUTO packages = NULL;
    if (!packages_load(&options, &packages, &err)) {
        fprintf(stderr, "%s: %s\n", err.code, err.text);
        return 1;
    }
    double loaded = now_s();
    for (size_t i = 0; i < packages_count(packages); i++)
        show(packages_at(packages, i));
    for (size_t i = 0; i < packages_warning_count(packages); i++) {
        const PackageWarning *w = packages_warning(packages, i);
        printf("warning %s in %.*s: %.*s\n", w->code, STR_ARG(w->package), STR_ARG(w->text));
    }
    size_t nodes = parse ? parse_all(packages) : 0;
    printf("loaded in %.2f s, %zu MB", loaded - start,
           arena_used_bytes(packages_arena(packages)) >> 20);
    if (parse)
        printf("; %zu JSON values read in %.2f s", nodes, now_s() - loaded);
    printf("\n");
    return 0;
}
