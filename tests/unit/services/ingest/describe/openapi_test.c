/* Every route is described, and the description is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/arena.h"
#include "common/json/json.h"
#include "services/ingest/describe/describe.h"
#include "services/ingest/describe/openapi.h"
#include "services/ingest/routes.h"

typedef struct Made {
    Arena *arena;
    Buf text;
    JsonDoc doc;
} Made;

static const char *row(size_t i)
{
    static char text[200];
    snprintf(text, sizeof text, "%s %s", route_at(i)->method, route_at(i)->path);
    return text;
}

static int make(void **state)
{
    static Made made;
    OpenapiFacts facts = {STR("https://a.example.org"), STR("1.2.3"), false};
    Err err = {0};
    made.arena = arena_new(8 * 1024 * 1024);
    buf_init(&made.text, OPENAPI_BYTES_MAX);
    openapi_write(&facts, &made.text);
    *state = &made;
    if (made.text.overflowed ||
        !json_read(buf_str(&made.text), NULL, NULL, made.arena, &made.doc, NULL, &err))
        print_error("%s\n", err.text);
    return made.doc.count ? 0 : -1;
}

static int unmake(void **state)
{
    Made *made = *state;
    buf_clear(&made->text);
    arena_free(made->arena);
    return 0;
}

static void every_route_says_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count(); i++) {
        const ApiOperation *api = route_at(i)->api;
        bool good = false;
        if (!api)
            fail_msg("%s has no description", row(i));
        if (!api->id || !api->tag || !api->summary || !api->answers)
            fail_msg("%s: id, tag, summary and answers are needed", row(i));
        if ((api->body != NULL) != (route_at(i)->media_types != NULL))
            fail_msg("%s: a body's schema, and media types: both or neither", row(i));
        if (route_at(i)->auth == AUTH_NONE && !api->security)
            fail_msg("%s: who may, where the row does not say it", row(i));
        for (const ApiAnswer *a = api->answers; a->status; a++)
            good = good || (a->status >= 200 && a->status < 300);
        if (!good)
            fail_msg("%s: no answer is a good one", row(i));
    }
}

static void ids_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count(); i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(route_at(i)->api->id, route_at(j)->api->id) == 0)
                fail_msg("%s: another route has the id %s", row(i), route_at(i)->api->id);
}

static const ApiField *field_of(const ApiOperation *api, ApiPlace place, Str name)
{
    for (const ApiField *f = api->fields; f && f->name; f++)
        if (f->place == place && str_is(name, f->name))
            return f;
    return NULL;
}

static void what_stands_in_a_path_is_a_parameter(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count(); i++) {
        Str rest = str_from(route_at(i)->path), part;
        size_t in_path = 0, described = 0;
        while (str_split(&rest, '/', &part)) {
            if (!part.len || part.ptr[0] != '{')
                continue;
            const ApiField *f =
                field_of(route_at(i)->api, API_PATH, str_cut(part, 1, part.len - 1));
            if (!f || !f->required)
                fail_msg("%s: %.*s is no required parameter", row(i), STR_ARG(part));
            in_path++;
        }
        for (const ApiField *f = route_at(i)->api->fields; f && f->name; f++)
            described += f->place == API_PATH;
        assert_int_equal(described, in_path);
    }
}

static void the_document_has_all_rows(void **state)
{
    Made *made = *state;
    const JsonNode *root = json_root(&made->doc), *paths = json_get(&made->doc, root, "paths");
    size_t operations = 0;
    assert_true(str_is(json_get_text(&made->doc, root, "openapi"), "3.1.1"));
    JSON_EACH(&made->doc, path, paths)
    operations += path->count;
    assert_int_equal(operations, route_count());
    assert_int_equal(made->doc.duplicates, 0);
}

/* "#/components/schemas/Uuid" */
static bool leads_somewhere(const JsonDoc *doc, Str reference)
{
    const JsonNode *at = json_root(doc);
    Str part;
    if (!str_split(&reference, '/', &part) || !str_is(part, "#"))
        return false;
    while (at && str_split(&reference, '/', &part))
        at = json_get_str(doc, at, part);
    return at != NULL;
}

static void every_reference_leads_somewhere(void **state)
{
    Made *made = *state;
    size_t count = 0;
    for (uint32_t i = 0; i < made->doc.count; i++) {
        const JsonNode *node = &made->doc.nodes[i];
        if (!node->key || !str_is(json_key(node), "$ref"))
            continue;
        count++;
        if (!leads_somewhere(&made->doc, json_text(node)))
            fail_msg("%.*s is nowhere", STR_ARG(json_text(node)));
    }
    assert_true(count > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_says_what_it_is),
        cmocka_unit_test(ids_are_unique),
        cmocka_unit_test(what_stands_in_a_path_is_a_parameter),
        cmocka_unit_test(the_document_has_all_rows),
        cmocka_unit_test(every_reference_leads_somewhere),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
