/* yyjson on the same files, both ways: as it is, and as a base of our reader would have to be.
 *
 * usage: yyjson_peer FILE...
 * Prints {"bare": MB/s, "positions": MB/s, "values": N}. Bare: numbers converted, nothing else
 * kept. With positions: numbers as written, and a second pass over values and source that finds
 * where each value begins and ends and interns property names. (It leaves out what we also do:
 * duplicate properties, parents, indexes, limits on depth and count.) Built by `bench` beside it,
 * with the source of yyjson fetched into build/. */
#include <time.h>
#include <yyjson.h>

#include "common/base/buf.h"
#include "common/fhir/model.h"

enum { ROUNDS = 9 };

typedef struct Place {
    uint32_t at, end;
    uint16_t name;
} Place;

typedef struct Walk {
    const char *start, *at;
    Place *places;
    size_t count;
} Walk;

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* To the next value or closing bracket: the reader has checked the text. */
static inline void skip_between(Walk *w)
{
    while (*w->at == ' ' || *w->at == '\n' || *w->at == '\r' || *w->at == '\t' || *w->at == ',' ||
           *w->at == ':')
        w->at++;
}

/* A string's length is known if it has no escape; then its closing quote stands right there. */
static inline void pass_string(Walk *w, const yyjson_val *value)
{
    const char *end = w->at + 1 + unsafe_yyjson_get_len((void *)(uintptr_t)value);
    if (*end == '"' && !memchr(w->at + 1, '\\', (size_t)(end - w->at - 1))) {
        w->at = end + 1;
        return;
    }
    for (w->at++; *w->at != '"'; w->at++)
        w->at += *w->at == '\\';
    w->at++;
}

static void place(Walk *w, yyjson_val *value, uint16_t name);

static void place_members(Walk *w, yyjson_val *object)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        Str text = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)};
        skip_between(w);
        pass_string(w, key);
        place(w, yyjson_obj_iter_get_val(key), json_name_find(&fhir_model_r4()->names, text));
    }
}

static void place(Walk *w, yyjson_val *value, uint16_t name)
{
    skip_between(w);
    Place *own = &w->places[w->count++];
    own->at = (uint32_t)(w->at - w->start);
    own->name = name;
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_OBJ:
        w->at++;
        place_members(w, value);
        skip_between(w);
        w->at++;
        break;
    case YYJSON_TYPE_ARR: {
        yyjson_arr_iter items = yyjson_arr_iter_with(value);
        w->at++;
        for (yyjson_val *item; (item = yyjson_arr_iter_next(&items));)
            place(w, item, 0);
        skip_between(w);
        w->at++;
        break;
    }
    case YYJSON_TYPE_STR:
        pass_string(w, value);
        break;
    case YYJSON_TYPE_RAW:
        w->at += unsafe_yyjson_get_len(value);
        break;
    default:
        w->at += yyjson_is_false(value) ? 5 : 4;
    }
    own->end = (uint32_t)(w->at - w->start);
}

static bool read_file(const char *path, Buf *bytes)
{
    FILE *file = fopen(path, "rb");
    char chunk[65536];
    for (size_t got; file && (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_add(bytes, (Str){chunk, got});
    if (file)
        fclose(file);
    return file && !bytes->overflowed;
}

/* Values read in one pass over all files; 0 on the first refusal. */
static size_t read_all(Buf *files, int count, bool positions, Walk *w, char *room, size_t bytes)
{
    size_t values = 0;
    for (int i = 0; i < count; i++) {
        Str text = buf_str(&files[i]);
        yyjson_alc pool;
        yyjson_alc_pool_init(&pool, room, bytes);
        yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len,
                                           positions ? YYJSON_READ_NUMBER_AS_RAW : 0, &pool, NULL);
        if (!doc)
            return 0;
        values += yyjson_doc_get_val_count(doc);
        if (!positions)
            continue;
        *w = (Walk){text.ptr, text.ptr, w->places, 0};
        place(w, yyjson_doc_get_root(doc), 0);
        if (w->places[0].end > text.len)
            return 0;
    }
    return values;
}

int main(int argc, char **argv)
{
    int count = argc - 1;
    Buf *files = calloc((size_t)count + 1, sizeof *files);
    size_t total = 0, most = 0, values = 0;
    for (int i = 0; i < count; i++) {
        buf_init(&files[i], (size_t)1 << 30);
        if (!read_file(argv[i + 1], &files[i]))
            return fprintf(stderr, "cannot read %s\n", argv[i + 1]), 2;
        total += files[i].len;
        most = files[i].len > most ? files[i].len : most;
    }
    size_t bytes = yyjson_read_max_memory_usage(most, 0) + 4096;
    char *room = malloc(bytes);
    Walk walk = {.places = malloc((most + 1) * sizeof *walk.places)};
    double best_s[2] = {0, 0};
    for (int round = 0; round < 2 * ROUNDS && room && walk.places; round++) {
        double start = cpu_s();
        values = read_all(files, count, round % 2, &walk, room, bytes);
        double took = cpu_s() - start;
        if (!values)
            return fprintf(stderr, "a file was refused\n"), 2;
        if (round < 2 || took < best_s[round % 2])
            best_s[round % 2] = took;
    }
    printf("{\"version\":\"%s\",\"bare\":%.0f,\"positions\":%.0f,\"values\":%zu}\n",
           YYJSON_VERSION_STRING, (double)total / best_s[0] / 1e6, (double)total / best_s[1] / 1e6,
           values);
    return 0;
}
