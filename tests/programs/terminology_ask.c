/* terminology_ask - builds a terminology from packages and answers questions on standard input.
 *
 * usage: terminology_ask [-l] [-o FILE] [-d FOLDER]... [-c CODE_LIST]... PATH...   (-o: write it)
 * -l builds leniently, as the Java core's peer does. A question is a line of tab-separated fields:
 *   concept|coding|quantity|code  VALUE_SET  STRENGTH  [SYSTEM CODE]...    ('-': absent)
 *   member  VALUE_SET  SYSTEM  CODE
 *   speed   VALUE_SET  SYSTEM  CODE     (nanoseconds of CPU a question)
 * An answer is "severity message-id; ..." or "yes", "no", ... */
#include <time.h>
#include <unistd.h>

#include "common/base/check.h"
#include "services/validator/engine/terminology/terminology.h"

enum { OPTIONS_MAX = 32, FIELDS_MAX = 64, BLOB_BYTES_MAX = 1 << 30 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static Str field(const Str *fields, size_t count, size_t i)
{
    return i < count && !str_is(fields[i], "-") ? fields[i] : STR_NONE;
}

static TxStrength strength_of(Str word)
{
    static const char *const words[] = {"example", "preferred", "extensible", "required"};
    for (size_t i = 0; i < 4; i++)
        if (str_is(word, words[i]))
            return (TxStrength)i;
    return TX_EXAMPLE;
}

static void show(const TxFindings *findings)
{
    static const char *const severities[] = {"information", "warning", "error"};
    const char *separator = "";
    for (const TxFinding *f = findings->first; f; f = f->next) {
        printf("%s%s %s", separator, severities[f->severity], f->message_id ? f->message_id : "-");
        separator = "; ";
    }
    printf("%s\n", findings->withdraws ? " withdraws" : "");
}

static void ask_binding(const Terminology *tx, const Str *fields, size_t count, Arena *arena)
{
    TxCoding codings[FIELDS_MAX / 2] = {0};
    size_t n = 0;
    for (size_t i = 3; i < count; i += 2)
        codings[n++] =
            (TxCoding){.system = field(fields, count, i), .code = field(fields, count, i + 1)};
    TxReference reference = {field(fields, count, 1), STR_NONE};
    TxBinding binding = terminology_bind(tx, reference.reference, strength_of(fields[2]), STR_NONE);
    TxFindings findings = {0};
    bool ok =
        str_is(fields[0], "concept")
            ? terminology_check_concept(tx, &binding, &reference, codings, n, arena, &findings)
        : str_is(fields[0], "coding")
            ? terminology_check_coding(tx, &binding, &reference, codings, arena, &findings)
        : str_is(fields[0], "quantity")
            ? terminology_check_quantity(tx, &binding, &reference, codings, arena, &findings)
            : terminology_check_code(tx, &binding, &reference, codings[0].code, arena, &findings);
    CHECK(ok);
    show(&findings);
}

static void ask_member(const Terminology *tx, const Str *fields, size_t count)
{
    static const char *const answers[] = {
        "yes", "no", "unknown-code", "not-in-fragment", "unknown-system", "not-checkable"};
    TxValueSet set = terminology_value_set(tx, fields[1]);
    if (set == TX_NONE)
        printf("no-such-set\n");
    else
        printf("%s\n", answers[terminology_contains(tx, set, field(fields, count, 2),
                                                    field(fields, count, 3))]);
}

static void ask_speed(const Terminology *tx, const Str *fields, size_t count)
{
    enum { ROUNDS = 1000000 };
    TxValueSet set = terminology_value_set(tx, fields[1]);
    unsigned sum = 0;
    double start = now_s();
    for (int i = 0; i < ROUNDS && set != TX_NONE; i++)
        sum += terminology_contains(tx, set, field(fields, count, 2), field(fields, count, 3));
    printf("%.1f ns (%u)\n", (now_s() - start) / ROUNDS * 1e9, sum);
}

static void answer(const Terminology *tx, Str line, Arena *arena)
{
    Str fields[FIELDS_MAX];
    size_t count = 0;
    while (count < FIELDS_MAX && str_split(&line, '\t', &fields[count]))
        count++;
    if (count < 4 && !(count == 3 && str_is(fields[0], "concept")))
        printf("?\n");
    else if (str_is(fields[0], "member"))
        ask_member(tx, fields, count);
    else if (str_is(fields[0], "speed"))
        ask_speed(tx, fields, count);
    else
        ask_binding(tx, fields, count, arena);
    arena_reset(arena);
}

int main(int argc, char **argv)
{
    const char *folders[OPTIONS_MAX], *lists[OPTIONS_MAX], *output = NULL;
    PackagesOptions packages_options = {.folders = folders};
    TerminologyOptions options = {.code_lists = lists};
    for (int c; (c = getopt(argc, argv, "lo:d:c:")) != -1;) {
        if (c == 'l')
            options.flags |= TERMINOLOGY_LENIENT;
        if (c == 'o')
            output = optarg;
        if (c == 'd' && packages_options.folder_count < OPTIONS_MAX)
            folders[packages_options.folder_count++] = optarg;
        if (c == 'c' && options.code_list_count < OPTIONS_MAX)
            lists[options.code_list_count++] = optarg;
    }
    packages_options.paths = (const char *const *)(void *)(argv + optind);
    packages_options.path_count = (size_t)(argc - optind);
    Err err = {0};
    PACKAGES_AUTO packages = NULL;
    BUF_AUTO blob;
    buf_init(&blob, BLOB_BYTES_MAX);
    ARENA_AUTO arena = arena_new(16 << 20);
    TerminologyStats stats;
    Terminology tx;
    double start = now_s();
    if (!packages_load(&packages_options, &packages, &err)) {
        fprintf(stderr, "%s: %s\n", err.code, err.text);
        return 1;
    }
    double loaded = now_s();
    if (!terminology_build(packages, NULL, &options, &blob, &stats, &err)) {
        fprintf(stderr, "%s: %s\n", err.code, err.text);
        return 1;
    }
    double built = now_s();
    if (!terminology_open(buf_str(&blob), &tx, &err)) {
        fprintf(stderr, "%s: %s\n", err.code, err.text);
        return 1;
    }
    fprintf(stderr,
            "%u systems, %u codes, %u value sets (%u not checkable), %.1f MB; load %.2f s, build "
            "%.2f s, open %.1f ms\n",
            stats.systems, stats.codes, stats.value_sets, stats.not_checkable,
            (double)stats.bytes / 1e6, loaded - start, built - loaded, (now_s() - built) * 1e3);
    FILE *file = output ? fopen(output, "wb") : NULL;
    if (file) {
        fwrite(blob.data, 1, blob.len, file);
        fclose(file);
    }
    char *line = NULL;
    size_t room = 0;
    for (ssize_t len; (len = getline(&line, &room, stdin)) > 0;)
        answer(&tx, str_cut((Str){line, (size_t)len}, 0, (size_t)len - (line[len - 1] == '\n')),
               arena);
    free(line);
    return 0;
}
