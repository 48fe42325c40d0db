/* snapshot_make - snapshots for definitions in files, for tests and curious people.
 *
 * usage: snapshot_make [-d FOLDER]... -p PACKAGE... FILE...
 * One JSON line per file: {"definition": ..., "issues": [{"severity", "code", "element", "text"}]},
 * or {"error": code, "text": ...}. The definitions of earlier files are not known to later ones. */
#include <unistd.h>

#include "common/base/buf.h"
#include "services/validator/engine/snapshot/snapshot.h"

enum { PATHS_MAX = 64, FILE_BYTES_MAX = 64 * 1024 * 1024 };

static Str read_file(const char *path, Arena *arena)
{
    BUF_AUTO buf;
    buf_init(&buf, FILE_BYTES_MAX);
    FILE *file = fopen(path, "rb");
    char chunk[65536];
    for (size_t got; file && (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_add(&buf, (Str){chunk, got});
    if (file)
        fclose(file);
    return arena_copy(arena, buf_str(&buf));
}

static void print_quoted(Str text)
{
    putchar('"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\' || c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_issues(const Snapshots *set, size_t from)
{
    printf(",\"issues\":[");
    for (size_t i = from; i < snapshots_issue_count(set); i++) {
        const SnapshotIssue *issue = snapshots_issue(set, i);
        printf("%s{\"severity\":\"%s\",\"code\":\"%s\",\"element\":", i > from ? "," : "",
               snapshot_severity_name(issue->severity), issue->code);
        print_quoted(issue->element);
        printf(",\"text\":");
        print_quoted(issue->text);
        printf("}");
    }
    printf("]}\n");
}

static void make(Snapshots *set, const char *path)
{
    ARENA_AUTO arena = arena_new((size_t)1024 * 1024 * 1024);
    size_t before = snapshots_issue_count(set);
    JsonDoc doc;
    const JsonDoc *made;
    Err err = {0};
    if (!json_read(read_file(path, arena), NULL, NULL, arena, &doc, NULL, &err) ||
        !snapshots_generate(set, NULL, &doc, &made, &err)) {
        printf("{\"error\":\"%s\",\"text\":", err.code);
        print_quoted(str_from(err.text));
        printf("}\n");
        return;
    }
    printf("{\"definition\":%.*s", STR_ARG(made->source));
    print_issues(set, before);
}

int main(int argc, char **argv)
{
    const char *folders[PATHS_MAX], *paths[PATHS_MAX];
    PackagesOptions options = {.folders = folders, .paths = paths};
    for (int c; (c = getopt(argc, argv, "d:p:")) != -1;) {
        if (c == 'd' && options.folder_count < PATHS_MAX)
            folders[options.folder_count++] = optarg;
        if (c == 'p' && options.path_count < PATHS_MAX)
            paths[options.path_count++] = optarg;
    }
    Err err = {0};
    PACKAGES_AUTO packages = NULL;
    if (!packages_load(&options, &packages, &err)) {
        fprintf(stderr, "%s: %s\n", err.code, err.text);
        return 1;
    }
    Snapshots *set = snapshots_new(packages, false);
    for (int i = optind; i < argc; i++)
        make(set, argv[i]);
    snapshots_free(set);
    return 0;
}
