#include "tests/support/cmocka.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/validator/engine/package/package.h"

/* Packages are made here, file by file, in a folder that goes away with the test. */

static char folder[256];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/package_test.XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char paths[8][400];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void write_manifest(const char *name, const char *version, const char *dependencies)
{
    char path[300], text[1000];
    snprintf(path, sizeof path, "%s-%s/package/package.json", name, version);
    snprintf(text, sizeof text,
             "{\"name\":\"%s\",\"version\":\"%s\",\"fhirVersions\":[\"4.0.1\"],"
             "\"dependencies\":{%s}}",
             name, version, dependencies);
    write_file(path, text);
}

static void write_value_set(const char *package, const char *file, const char *url,
                            const char *version)
{
    char path[300], text[600];
    snprintf(path, sizeof path, "%s/package/%s.json", package, file);
    snprintf(text, sizeof text,
             "{\"resourceType\":\"ValueSet\",\"id\":\"%s\",\"url\":\"%s\",\"version\":\"%s\"}",
             file, url, version);
    write_file(path, text);
}

static Packages *load(const char *const *paths, size_t count, PackagesOptions options, Err *err)
{
    Packages *packages = NULL;
    options.paths = paths;
    options.path_count = count;
    return packages_load(&options, &packages, err) ? packages : NULL;
}

static Packages *load_one(const char *path, PackagesOptions options)
{
    Err err = {0};
    Packages *packages = load(&path, 1, options, &err);
    if (!packages)
        fail_msg("%s: %s", err.code, err.text);
    return packages;
}

static PackagesOptions with_folder(void)
{
    static const char *const folders[] = {folder};
    return (PackagesOptions){.folders = folders, .folder_count = 1};
}

static bool has_warning(const Packages *packages, const char *code, const char *text)
{
    for (size_t i = 0; i < packages_warning_count(packages); i++) {
        const PackageWarning *w = packages_warning(packages, i);
        if (!strcmp(w->code, code) && str_find(w->text, str_from(text)) != SIZE_MAX)
            return true;
    }
    return false;
}

static void expect_found(const Packages *packages, const char *from, const char *canonical,
                         const char *package)
{
    const Package *asking = from ? packages_named(packages, str_from(from)) : NULL;
    const PackageResource *found =
        packages_find(packages, asking, STR("ValueSet"), str_from(canonical));
    if (!package)
        assert_null(found);
    else if (!found || !str_is(found->package->name, package))
        fail_msg("%s from %s: found in %.*s", canonical, from ? from : "the root",
                 STR_ARG(found ? found->package->name : STR("nothing")));
}

/* --- versions and closures -----------------------------------------------------------------------
 */

static void orders_versions(void **state)
{
    (void)state;
    static const char *const rising[] = {"3.1.1",       "4.0.0-ballot", "4.0.0", "4.0.1",
                                         "5.0.0-alpha", "5.0.0-beta",   "5.0.0", "10.0.0"};
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++)
        for (size_t n = 0; n < sizeof rising / sizeof *rising; n++) {
            int order = package_version_compare(str_from(rising[i]), str_from(rising[n]));
            assert_int_equal(order < 0, i < n);
            assert_int_equal(order > 0, i > n);
        }
    assert_int_equal(package_version_compare(STR("1.0.0+a"), STR("1.0.0+b")), 0);
}

static void finds_what_is_near_before_what_is_far(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "\"near\":\"1.0.0\",\"other\":\"1.0.0\"");
    write_manifest("near", "1.0.0", "\"far\":\"1.0.0\"");
    write_manifest("far", "1.0.0", "");
    write_manifest("other", "1.0.0", "\"near\":\"1.0.0\"");
    write_value_set("near-1.0.0", "a", "http://x/a", "1");
    write_value_set("far-1.0.0", "a", "http://x/a", "2");
    write_value_set("far-1.0.0", "b", "http://x/b", "1");
    write_value_set("other-1.0.0", "a", "http://x/a", "3");
    PACKAGES_AUTO p = load_one(path_of("ig-1.0.0"), with_folder());
    expect_found(p, NULL, "http://x/a", "near");
    expect_found(p, "far", "http://x/a", "far");
    expect_found(p, "other", "http://x/a", "other");
    expect_found(p, NULL, "http://x/a|3", "other");
    expect_found(p, NULL, "http://x/a|4", NULL);
    expect_found(p, NULL, "http://x/b#fragment", "far");
    bool skewed;
    assert_non_null(packages_find_any(p, NULL, STR("ValueSet"), STR("http://x/a|4"), &skewed));
    assert_true(skewed);
    assert_null(packages_find(p, NULL, STR("CodeSystem"), STR("http://x/a")));
    assert_non_null(packages_find(p, NULL, STR_NONE, STR("http://x/a")));
}

static void a_manifest_that_is_no_json_is_named(void **state)
{
    (void)state;
    write_file("ig-1.0.0/package/package.json", "{nope");
    const char *path = path_of("ig-1.0.0");
    Err err = {0};
    assert_null(load(&path, 1, (PackagesOptions){0}, &err));
    assert_string_equal(err.code, "package-manifest");
    assert_non_null(strstr(err.text, "package.json"));
}

static void takes_the_highest_version_within_a_package(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "");
    write_value_set("ig-1.0.0", "a1", "http://x/a", "9.0.0");
    write_value_set("ig-1.0.0", "a2", "http://x/a", "10.1.0");
    write_value_set("ig-1.0.0", "a3", "http://x/a", "10.1.0-draft");
    PACKAGES_AUTO p = load_one(path_of("ig-1.0.0"), (PackagesOptions){0});
    const PackageResource *r = packages_find(p, NULL, STR("ValueSet"), STR("http://x/a"));
    assert_true(r && str_is(r->id, "a2"));
    r = packages_find(p, NULL, STR("ValueSet"), STR("http://x/a|9.0"));
    assert_true(r && str_is(r->id, "a1"));
}

static void warns_of_missing_and_skewed_dependencies(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0",
                   "\"gone\":\"2.0.0\",\"lib\":\"1.2.0\",\"multi\":\"1.0.0\",\"any\":\"3.0.x\"");
    write_manifest("lib", "1.1.0", "");
    write_manifest("lib", "1.2.9", "");
    write_manifest("lib", "2.0.0", "");
    write_manifest("multi.r4", "1.0.0", "");
    write_manifest("any", "3.0.5", "");
    write_manifest("any", "3.1.0", "");
    PACKAGES_AUTO p = load_one(path_of("ig-1.0.0"), with_folder());
    assert_true(has_warning(p, "missing", "gone#2.0.0"));
    assert_true(has_warning(p, "missing", "hl7.fhir.r4.core#4.0.1"));
    assert_true(has_warning(p, "version-skew", "lib#1.2.0 is not here; lib#1.2.9"));
    assert_true(has_warning(p, "version-skew", "multi#1.0.0 is not here; multi.r4#1.0.0"));
    assert_false(has_warning(p, "version-skew", "any#3.0.x"));
    assert_non_null(packages_named(p, STR("any#3.0.5")));
    assert_null(packages_named(p, STR("lib#2.0.0")));
}

static void prefers_the_paths_to_the_folder(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "\"lib\":\"1.0.0\"");
    write_manifest("lib", "1.0.1", "");
    write_manifest("lib", "3.0.0", "");
    const char *paths[] = {path_of("ig-1.0.0"), path_of("lib-3.0.0")};
    Err err = {0};
    PACKAGES_AUTO p = load(paths, 2, with_folder(), &err);
    assert_non_null(p);
    assert_null(packages_named(p, STR("lib#1.0.1")));
    assert_true(has_warning(p, "version-skew", "lib#3.0.0 takes its place"));
    assert_ptr_equal(packages_root(p), packages_named(p, STR("ig")));
}

static void ends_on_packages_that_need_each_other(void **state)
{
    (void)state;
    write_manifest("a", "1.0.0", "\"b\":\"1.0.0\"");
    write_manifest("b", "1.0.0", "\"a\":\"1.0.0\",\"b\":\"1.0.0\"");
    PACKAGES_AUTO p = load_one(path_of("a-1.0.0"), with_folder());
    assert_int_equal(packages_count(p), 2);
    assert_int_equal(packages_root(p)->closure_count, 2);
}

static void looks_nowhere_without_dependencies(void **state)
{
    (void)state;
    write_manifest("a", "1.0.0", "\"b\":\"1.0.0\"");
    write_manifest("b", "1.0.0", "");
    PackagesOptions options = with_folder();
    options.no_dependencies = true;
    PACKAGES_AUTO p = load_one(path_of("a-1.0.0"), options);
    assert_int_equal(packages_count(p), 1);
}

static void puts_core_behind_and_expansions_aside(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "\"hl7.fhir.r4.core\":\"4.0.1\",\"terms\":\"1.0.0\"");
    write_manifest("hl7.fhir.r4.core", "4.0.1", "");
    write_manifest("hl7.fhir.r4.expansions", "4.0.1", "");
    write_manifest("terms", "1.0.0", "");
    write_value_set("hl7.fhir.r4.core-4.0.1", "a", "http://x/a", "1");
    write_value_set("hl7.fhir.r4.expansions-4.0.1", "b", "http://x/b", "1");
    write_value_set("terms-1.0.0", "a", "http://x/a", "2");
    const char *paths[] = {path_of("ig-1.0.0"), path_of("hl7.fhir.r4.expansions-4.0.1")};
    Err err = {0};
    PACKAGES_AUTO p = load(paths, 2, with_folder(), &err);
    expect_found(p, NULL, "http://x/a", "terms");
    expect_found(p, NULL, "http://x/b", NULL);
    const PackageResource *r = packages_find_expansion(p, STR("http://x/b|1"));
    assert_true(r && str_is(r->id, "b"));
    assert_null(packages_find_expansion(p, STR("http://x/b|2")));
}

static void refuses_another_fhir_version(void **state)
{
    (void)state;
    write_file("five/package/package.json",
               "{\"name\":\"five\",\"version\":\"1.0.0\",\"fhirVersions\":[\"5.0.0\"]}");
    write_manifest("ig", "1.0.0", "\"five\":\"1.0.0\"");
    const char *path = path_of("five");
    Err err = {0};
    assert_null(load(&path, 1, (PackagesOptions){0}, &err));
    assert_string_equal(err.code, "package-fhir-version");
    PACKAGES_AUTO p = load_one(path_of("ig-1.0.0"), with_folder());
    assert_true(has_warning(p, "missing", "five#1.0.0"));
}

/* --- resources -----------------------------------------------------------------------------------
 */

static void reads_resources_and_nothing_else(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "");
    write_file("ig-1.0.0/package/.index.json",
               "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/i\"}");
    write_file("ig-1.0.0/package/bom.json",
               "\xEF\xBB\xBF{\"url\":\"http:\\/\\/x\\/b\\u006fm\",\"resourceType\":\"ValueSet\"}");
    write_file("ig-1.0.0/package/deep.json",
               "{\"contained\":[{\"resourceType\":\"CodeSystem\",\"url\":\"http://x/no\"}],"
               "\"text\":\"\\\\\\\"}{\",\"resourceType\":\"ValueSet\",\"url\":\"http://x/deep\"}");
    write_file("ig-1.0.0/package/patient.json", "{\"resourceType\":\"Patient\",\"id\":\"p\"}");
    write_file("ig-1.0.0/package/broken.json", "{\"resourceType\":\"ValueSet\",\"url\":");
    write_file("ig-1.0.0/package/notes.txt",
               "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/t\"}");
    write_file("ig-1.0.0/package/example/e.json", "{\"resourceType\":\"Patient\",\"id\":\"e\"}");
    write_file("ig-1.0.0/package/openapi/o.json",
               "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/o\"}");
    PACKAGES_AUTO p = load_one(path_of("ig-1.0.0"), (PackagesOptions){0});
    assert_int_equal(packages_root(p)->resource_count, 2);
    expect_found(p, NULL, "http://x/bom", "ig");
    expect_found(p, NULL, "http://x/deep", "ig");
    assert_true(has_warning(p, "unreadable", "broken.json"));
    const JsonDoc *doc, *again;
    Err err = {0};
    const PackageResource *bom = packages_find(p, NULL, STR("ValueSet"), STR("http://x/bom"));
    assert_true(packages_doc(p, bom, &doc, &err) && packages_doc(p, bom, &again, &err));
    assert_ptr_equal(doc, again);
    PACKAGES_AUTO all = load_one(path_of("ig-1.0.0"), (PackagesOptions){.examples = true});
    assert_int_equal(packages_root(all)->resource_count, 3);
    assert_non_null(packages_find_id(packages_root(all), STR("Patient"), STR("e")));
}

static void reports_json_that_only_looks_right(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "");
    write_file("ig-1.0.0/package/a.json",
               "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/a\",\"x\":[1,,2]}");
    PACKAGES_AUTO p = load_one(path_of("ig-1.0.0"), (PackagesOptions){0});
    const PackageResource *r = packages_find(p, NULL, STR("ValueSet"), STR("http://x/a"));
    const JsonDoc *doc;
    Err err = {0};
    assert_non_null(r);
    assert_false(packages_doc(p, r, &doc, &err));
    assert_string_equal(err.code, "json-syntax");
}

static void reads_the_facts_of_a_profile(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "");
    write_file("ig-1.0.0/package/p.json",
               "{\"resourceType\":\"StructureDefinition\",\"id\":\"p\",\"url\":\"http://x/p\","
               "\"name\":\"P\",\"kind\":\"resource\",\"type\":\"Patient\",\"abstract\":false,"
               "\"baseDefinition\":\"http://x/base\",\"derivation\":\"constraint\","
               "\"differential\":{\"element\":[{\"id\":\"Patient\",\"type\":\"no\"}]}}");
    PACKAGES_AUTO p = load_one(path_of("ig-1.0.0"), (PackagesOptions){0});
    const PackageResource *r = packages_root(p)->resources[0];
    assert_true(str_is(r->sd_kind, "resource") && str_is(r->sd_type, "Patient"));
    assert_true(str_is(r->sd_base, "http://x/base") && str_is(r->sd_derivation, "constraint"));
    assert_true(r->has_differential && !r->has_snapshot);
    assert_true(str_is(r->name, "P") && str_is(r->file, "p.json"));
}

static void keeps_one_of_two_files_with_one_identity(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "");
    write_value_set("ig-1.0.0", "second", "http://x/a", "1");
    write_value_set("ig-1.0.0", "first", "http://x/a", "1");
    PACKAGES_AUTO p = load_one(path_of("ig-1.0.0"), (PackagesOptions){0});
    assert_int_equal(packages_root(p)->resource_count, 1);
    assert_true(str_is(packages_root(p)->resources[0]->id, "first"));
    assert_true(has_warning(p, "duplicate", "other content: 1;"));
}

static void lets_loose_resources_win(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "");
    write_value_set("ig-1.0.0", "a", "http://x/a", "1");
    write_file("loose.json",
               "{\"resourceType\":\"ValueSet\",\"id\":\"mine\",\"url\":\"http://x/a\"}");
    write_file("patient.json", "{\"resourceType\":\"Patient\"}");
    const char *paths[] = {path_of("loose.json"), path_of("ig-1.0.0")};
    Err err = {0};
    PACKAGES_AUTO p = load(paths, 2, (PackagesOptions){0}, &err);
    const PackageResource *r = packages_find(p, NULL, STR("ValueSet"), STR("http://x/a"));
    assert_true(r && str_is(r->id, "mine"));
    assert_true(str_is(packages_root(p)->name, "ig"));
    const char *patient = path_of("patient.json");
    assert_null(load(&patient, 1, (PackagesOptions){0}, &err));
    assert_string_equal(err.code, "package-resource");
}

static void goes_through_all_of_a_type_once(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "\"lib\":\"1.0.0\"");
    write_manifest("lib", "1.0.0", "");
    write_value_set("ig-1.0.0", "a", "http://x/a", "1");
    write_value_set("lib-1.0.0", "a", "http://x/a", "1");
    write_value_set("lib-1.0.0", "a2", "http://x/a", "2");
    write_value_set("lib-1.0.0", "b", "http://x/b", "1");
    PACKAGES_AUTO p = load_one(path_of("ig-1.0.0"), with_folder());
    char order[40] = "";
    const PackageResource *r;
    for (size_t i = 0; (r = packages_each(p, NULL, STR("ValueSet"), i)); i++)
        snprintf(order + strlen(order), 8, "%.*s.%.*s ", STR_ARG(r->package->name), STR_ARG(r->id));
    assert_string_equal(order, "ig.a lib.a2 lib.b ");
}

/* --- archives ------------------------------------------------------------------------------------
 */

typedef struct Entry {
    const char *path;
    const char *text;
    mode_t kind;
    const char *link;
    size_t zeros; /* instead of text */
} Entry;

static void write_zeros(struct archive *a, size_t count)
{
    static const char zeros[65536];
    for (size_t n; count; count -= n) {
        n = count < sizeof zeros ? count : sizeof zeros;
        assert_int_equal(archive_write_data(a, zeros, n), n);
    }
}

static void write_archive(const char *name, const Entry *entries, size_t count)
{
    struct archive *a = archive_write_new();
    archive_write_add_filter_gzip(a);
    archive_write_set_format_ustar(a);
    assert_int_equal(archive_write_open_filename(a, path_of(name)), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        const Entry *e = &entries[i];
        size_t size = e->zeros ? e->zeros : e->text ? strlen(e->text) : 0;
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, e->path);
        archive_entry_set_filetype(entry, e->kind ? e->kind : AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, e->kind || e->link ? 0 : (la_int64_t)size);
        if (e->link && e->kind == AE_IFLNK)
            archive_entry_set_symlink(entry, e->link);
        else if (e->link)
            archive_entry_set_hardlink(entry, e->link);
        assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
        if (e->zeros)
            write_zeros(a, e->zeros);
        else if (e->text && !e->kind && !e->link)
            archive_write_data(a, e->text, size);
        archive_entry_free(entry);
    }
    archive_write_close(a);
    archive_write_free(a);
}

#define MANIFEST                                                                                   \
    {                                                                                              \
        .path = "package/package.json", .text = "{\"name\":\"tar\",\"version\":\"1.0.0\"}"         \
    }

static void reads_an_archive(void **state)
{
    (void)state;
    const Entry entries[] = {
        {.path = "./package/b.json",
         .text = "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/old\"}"},
        {.path = "package/",              .kind = AE_IFDIR                 },
        {.path = "package//b.json",
         .text = "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/new\"}"},
        {.path = "package/\xC3\xA4.json",
         .text = "{\"resourceType\":\"ValueSet\",\"url\":\"http://x/ae\"}" },
        MANIFEST,
    };
    write_archive("tar.tgz", entries, 5);
    PACKAGES_AUTO p = load_one(path_of("tar.tgz"), (PackagesOptions){0});
    expect_found(p, NULL, "http://x/new", "tar");
    expect_found(p, NULL, "http://x/ae", "tar");
    expect_found(p, NULL, "http://x/old", NULL); /* a file twice: the later one counts */
}

static void expect_refused(const char *code, Entry hostile)
{
    const Entry entries[] = {MANIFEST, hostile};
    write_archive("bad.tgz", entries, 2);
    const char *path = path_of("bad.tgz");
    Err err = {0};
    PACKAGES_AUTO p = load(&path, 1, (PackagesOptions){0}, &err);
    assert_null(p);
    assert_string_equal(err.code, code);
    assert_int_equal(err.kind, ERR_INPUT);
}

static void refuses_hostile_archives(void **state)
{
    (void)state;
    expect_refused("package-path", (Entry){.path = "package/../../etc/passwd", .text = "x"});
    expect_refused("package-path", (Entry){.path = "../x.json", .text = "x"});
    expect_refused("package-path", (Entry){.path = "/etc/passwd", .text = "x"});
    expect_refused("package-path", (Entry){.path = "C:/x.json", .text = "x"});
    expect_refused("package-name", (Entry){.path = "package\\x.json", .text = "x"});
    expect_refused("package-name", (Entry){.path = "package/\xFF\xFE.json", .text = "x"});
    expect_refused("package-name", (Entry){.path = "package/\xC0\xAE.json", .text = "x"});
    expect_refused("package-name", (Entry){.path = "package/a\nb.json", .text = "x"});
    expect_refused("package-link",
                   (Entry){.path = "package/l.json", .kind = AE_IFLNK, .link = "/etc/passwd"});
    expect_refused("package-link",
                   (Entry){.path = "package/h.json", .link = "package/package.json"});
    expect_refused("package-special-file", (Entry){.path = "package/d.json", .kind = AE_IFCHR});
    expect_refused("package-special-file", (Entry){.path = "package/f.json", .kind = AE_IFIFO});
    expect_refused("package-ratio", (Entry){.path = "package/z.json", .zeros = 64 * 1024 * 1024});
    expect_refused("package-ratio", (Entry){.path = "z.bin", .zeros = 64 * 1024 * 1024});
}

static void expect_limited(PackageLimits limits, const char *code)
{
    const char *path = path_of("big.tgz");
    Err err = {0};
    PACKAGES_AUTO p = load(&path, 1, (PackagesOptions){.limits = limits}, &err);
    assert_null(p);
    assert_string_equal(err.code, code);
}

static void keeps_its_limits(void **state)
{
    (void)state;
    const Entry entries[] = {
        MANIFEST,
        {.path = "package/a.json", .zeros = 100000},
        {.path = "package/b.json", .zeros = 100000}
    };
    write_archive("big.tgz", entries, 3);
    expect_limited((PackageLimits){.file_bytes = 99999}, "package-too-large");
    expect_limited((PackageLimits){.bytes = 150000}, "package-too-large");
    expect_limited((PackageLimits){.files = 2}, "package-files");
    expect_limited((PackageLimits){.memory_bytes = 150000}, "memory-limit");
    PACKAGES_AUTO p = load_one(path_of("big.tgz"), (PackagesOptions){0});
    assert_int_equal(packages_root(p)->resource_count, 0);
}

static void refuses_what_is_no_package(void **state)
{
    (void)state;
    const Entry entries[] = {
        {.path = "package/a.json", .text = "{}"}
    };
    write_archive("none.tgz", entries, 1);
    write_file("cut.tgz", "\x1f\x8b\x08");
    write_file("text.tgz", "no archive at all");
    write_file("named/package/package.json", "{\"name\":\"../x\",\"version\":\"1\"}");
    write_file("list/package/package.json", "[]");
    mkdir(path_of("empty"), 0700);
    static const struct {
        const char *name;
        const char *code;
    } cases[] = {
        {"none.tgz", "package-manifest"  },
        {"cut.tgz",  "package-archive"   },
        {"text.tgz", "package-archive"   },
        {"named",    "package-manifest"  },
        {"list",     "package-manifest"  },
        {"empty",    "package-manifest"  },
        {"absent",   "package-unreadable"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = path_of(cases[i].name);
        Err err = {0};
        assert_null(load(&path, 1, (PackagesOptions){0}, &err));
        if (strcmp(err.code, cases[i].code))
            fail_msg("%s: %s (%s)", cases[i].name, err.code, err.text);
    }
}

static void refuses_links_in_a_folder(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "");
    assert_int_equal(symlink("/etc/passwd", path_of("ig-1.0.0/package/l.json")), 0);
    const char *path = path_of("ig-1.0.0");
    Err err = {0};
    assert_null(load(&path, 1, (PackagesOptions){0}, &err));
    assert_string_equal(err.code, "package-link");
}

/* --- torture and the real thing ------------------------------------------------------------------
 */

static void survives_every_memory_limit(void **state)
{
    (void)state;
    write_manifest("ig", "1.0.0", "\"lib\":\"1.0.0\",\"gone\":\"1.0.0\"");
    write_manifest("lib", "1.0.1", "");
    write_value_set("ig-1.0.0", "a", "http://x/a", "1");
    write_value_set("lib-1.0.1", "a", "http://x/a", "1");
    write_file("ig-1.0.0/package/broken.json", "{\"resourceType\":\"ValueSet\"");
    size_t enough = 0;
    for (size_t limit = 64; !enough && limit < 1000000; limit += 48) {
        const char *path = path_of("ig-1.0.0");
        PackagesOptions options = with_folder();
        options.limits.memory_bytes = limit;
        Err err = {0};
        PACKAGES_AUTO p = load(&path, 1, options, &err);
        if (p)
            enough = limit;
        else
            assert_string_equal(err.code, "memory-limit");
    }
    assert_true(enough > 1000);
}

static void loads_r4_core(void **state)
{
    (void)state;
    const char *path = "build/packages/hl7.fhir.r4.core-4.0.1.tgz";
    if (access(path, R_OK))
        skip();
    PACKAGES_AUTO p = load_one(path, (PackagesOptions){0});
    static const struct {
        const char *type;
        size_t count;
    } counts[] = {
        {"StructureDefinition", 655 },
        {"ValueSet",            1316},
        {"CodeSystem",          1062},
        {"SearchParameter",     1400},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        size_t n = 0;
        while (packages_each(p, NULL, str_from(counts[i].type), n))
            n++;
        assert_int_equal(n, counts[i].count);
    }
    assert_non_null(packages_find(p, NULL, STR("StructureDefinition"),
                                  STR("http://hl7.org/fhir/StructureDefinition/Patient|4.0")));
    assert_int_equal(packages_warning_count(p), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(orders_versions),
        TEST(finds_what_is_near_before_what_is_far),
        TEST(a_manifest_that_is_no_json_is_named),
        TEST(takes_the_highest_version_within_a_package),
        TEST(warns_of_missing_and_skewed_dependencies),
        TEST(prefers_the_paths_to_the_folder),
        TEST(ends_on_packages_that_need_each_other),
        TEST(looks_nowhere_without_dependencies),
        TEST(puts_core_behind_and_expansions_aside),
        TEST(refuses_another_fhir_version),
        TEST(reads_resources_and_nothing_else),
        TEST(reports_json_that_only_looks_right),
        TEST(reads_the_facts_of_a_profile),
        TEST(keeps_one_of_two_files_with_one_identity),
        TEST(lets_loose_resources_win),
        TEST(goes_through_all_of_a_type_once),
        TEST(reads_an_archive),
        TEST(refuses_hostile_archives),
        TEST(keeps_its_limits),
        TEST(refuses_what_is_no_package),
        TEST(refuses_links_in_a_folder),
        TEST(survives_every_memory_limit),
        TEST(loads_r4_core),
    };
    return cmocka_run_group_tests_name("package", tests, NULL, NULL);
}
