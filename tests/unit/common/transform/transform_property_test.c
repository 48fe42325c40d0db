/* Lists of steps that are idempotent each, put together at random: done twice they are done once,
 * what comes of them is JSON, and what they do not name keeps its bytes. A failure prints its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/json/json.h"
#include "common/transform/transform.h"

enum { ROUNDS = 300, FILE_BYTES = 1 << 16, BUNDLE_BYTES = 1 << 20 };

static unsigned seed;

static unsigned dice(unsigned sides)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % sides;
}

static const char *const paths[] = {
    "Bundle.entry.resource.ofType(Patient)",
    "Bundle.entry.resource.ofType(Observation)",
    "Bundle.entry.resource",
    "Bundle.entry.resource.ofType(Patient).name",
    "Bundle.entry.resource.ofType(Observation).code",
    "Bundle",
};
static const char *const removable[] = {
    "Bundle.entry.resource.ofType(Patient).name.given",
    "Bundle.entry.resource.ofType(Patient).name.where(family = 'a')",
    "Bundle.entry.where(resource is Observation)",
    "Bundle.entry.resource.ofType(Observation).code.coding.display",
    "Bundle.entry.resource.meta",
    "Bundle.entry.resource.ofType(Patient).birthDate",
    "Bundle.meta.tag.where(code = 't1')",
};
static const char *const resources[] = {"Bundle.entry.resource",
                                        "Bundle.entry.resource.ofType(Patient)", "Bundle"};
#define ONE_OF(list) list[dice(sizeof list / sizeof list[0])]

static void add_step(Buf *out)
{
    switch (dice(6)) {
    case 0:
        buf_add_format(out, "{\"op\":\"set\",\"path\":\"%s\",\"name\":\"x%u\",\"value\":\"v%u\"}",
                       ONE_OF(paths), dice(3), dice(3));
        break;
    case 1:
        buf_add_format(out, "{\"op\":\"remove\",\"path\":\"%s\"}", ONE_OF(removable));
        break;
    case 2:
        buf_add(out, STR("{\"op\":\"replace\",\"path\":\"Bundle.entry.resource.ofType(Patient)."
                         "name.family\",\"value\":\"b\"}"));
        break;
    case 3:
        buf_add_format(out,
                       "{\"op\":\"%s\",\"path\":\"%s\",\"coding\":{\"system\":\"s\",\"code\":"
                       "\"t%u\"}}",
                       dice(2) ? "addTag" : "addSecurity", ONE_OF(resources), dice(3));
        break;
    case 4:
        buf_add_format(out,
                       "{\"op\":\"map\",\"path\":\"Bundle.entry.resource.ofType(Observation)."
                       "code\",\"conceptMap\":\"m\",\"keep\":%s}",
                       dice(2) ? "true" : "false");
        break;
    default:
        buf_add(out, STR("{\"op\":\"replace\",\"path\":\"Bundle.entry.resource.ofType(Patient)."
                         "birthDate\",\"valueFrom\":\"toString().substring(0, 4)\"}"));
    }
}

/* Steps that undo each other's work (a tag set, then removed) are no idempotent list: one step,
 * that step twice, or it behind one that touches something else. */
static void make_rules(Buf *out)
{
    buf_reset(out);
    buf_add(out, STR("{\"name\":\"p\",\"conceptMaps\":{\"m\":{\"resourceType\":\"ConceptMap\","
                     "\"group\":[{\"source\":\"urn:l\",\"target\":\"urn:t\",\"element\":[{\"code\":"
                     "\"a\",\"target\":[{\"code\":\"A\",\"equivalence\":\"equal\"}]}]}]}},"
                     "\"transforms\":[{\"id\":\"t\",\"idempotent\":true,\"do\":["));
    size_t first = out->len;
    add_step(out);
    if (dice(2)) {
        char step[1024];
        snprintf(step, sizeof step, "%.*s", (int)(out->len - first), out->data + first);
        buf_add_format(out, ",%s", step);
    }
    if (dice(2))
        buf_add(out, STR(",{\"op\":\"set\",\"path\":\"Bundle\",\"name\":\"timestamp\",\"value\":"
                         "\"2026-01-01T00:00:00Z\"}"));
    buf_add(out, STR("]}]}"));
}

static const char *const spaces[] = {"", " ", "\n\t", "\r\n  "};

static void add_name(Buf *out)
{
    static const char *const givens[] = {"[\"x\"]", "[\"x\",\"y\"]", "[null,\"y\"]"};
    buf_add_format(out, "{%s\"family\":%s\"%s\",\"given\":%s", ONE_OF(spaces), ONE_OF(spaces),
                   dice(2) ? "a" : "c", ONE_OF(givens));
    if (dice(3) == 0)
        buf_add(out, STR(",\"_given\":[{\"id\":\"1\"},null]"));
    buf_add_char(out, '}');
}

static void add_patient(Buf *out)
{
    buf_add_format(out, "{\"resourceType\":\"Patient\"%s", ONE_OF(spaces));
    if (dice(2))
        buf_add_format(out, ",\"meta\":{\"versionId\":\"%u\"}", dice(9));
    if (dice(2))
        buf_add(out, STR(",\"birthDate\":\"1981-07-16\",\"_birthDate\":{\"id\":\"b\"}"));
    buf_add(out, STR(",\"name\":["));
    for (unsigned i = 0, count = 1 + dice(3); i < count; i++) {
        buf_add(out, i ? STR(" ,") : STR(""));
        add_name(out);
    }
    buf_add(out, STR("]}"));
}

static void add_observation(Buf *out)
{
    static const char *const systems[] = {"urn:l", "urn:t", "urn:o"};
    buf_add(out, STR("{\"resourceType\":\"Observation\",\"valueQuantity\":{\"value\":0.010},"
                     "\"code\":{\"coding\":["));
    for (unsigned i = 0, count = 1 + dice(3); i < count; i++)
        buf_add_format(out, "%s{\"system\":\"%s\",\"code\":\"%s\",\"display\":\"d\"}", i ? "," : "",
                       ONE_OF(systems), dice(2) ? "a" : "A");
    buf_add(out, STR("]}}"));
}

static void make_bundle(Buf *out)
{
    buf_reset(out);
    buf_add_format(out, "{%s\"resourceType\":\"Bundle\"", ONE_OF(spaces));
    if (dice(2))
        buf_add_format(out, ",\"meta\":{\"tag\":[{\"system\":\"s\",\"code\":\"t%u\"}]}", dice(3));
    buf_add(out, STR(",\"type\":\"batch\",\"entry\":["));
    for (unsigned i = 0, count = 1 + dice(4); i < count; i++) {
        buf_add_format(out, "%s%s{\"fullUrl\":\"urn:%u\",\"resource\":", i ? "," : "",
                       ONE_OF(spaces), i);
        if (dice(2))
            add_patient(out);
        else
            add_observation(out);
        buf_add_char(out, '}');
    }
    buf_add_format(out, "]%s}%s", ONE_OF(spaces), ONE_OF(spaces));
}

static Str applied(const RuleBook *book, Str bundle, Arena *arena)
{
    const Outcome outcome = {.valid = true};
    const Disposition disposition = {.action = ACTION_ACCEPT};
    const TransformInput input = {.book = book,
                                  .bundle = bundle,
                                  .outcome = &outcome,
                                  .disposition = &disposition,
                                  .destination = STR("lake"),
                                  .severity_level = STR("error")};
    Transformed made;
    JsonDoc doc;
    Err err = {0};
    if (!transform_apply(&input, arena, &made, &err))
        fail_msg("seed %u: %s: %s on %.*s", seed, err.code, err.text, STR_ARG(bundle));
    if (!json_read(made.body, NULL, NULL, arena, &doc, NULL, &err))
        fail_msg("seed %u: no JSON: %s: %.*s", seed, err.text, STR_ARG(made.body));
    if (doc.duplicates)
        fail_msg("seed %u: a property twice: %.*s", seed, STR_ARG(made.body));
    return made.body;
}

static void twice_is_once(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new((size_t)256 << 20);
    BUF_AUTO file, bundle;
    buf_init(&file, FILE_BYTES);
    buf_init(&bundle, BUNDLE_BYTES);
    for (unsigned round = 0, changed = 0; round < ROUNDS; round++) {
        unsigned start = seed = round * 7919u + 1;
        RuleSet *set = NULL;
        Err err = {0};
        make_rules(&file);
        make_bundle(&bundle);
        if (!rules_read(buf_str(&file), &set, NULL, &err))
            fail_msg("seed %u: %s: %s", start, err.text, file.data);
        const RuleSet *sets[] = {set};
        const RuleBook book = {sets, 1, STR("p")};
        Str once = applied(&book, buf_str(&bundle), arena);
        Str twice = applied(&book, once, arena);
        if (!str_eq(once, twice))
            fail_msg("seed %u: %s\non %s\nonce  %.*s\ntwice %.*s", start, file.data, bundle.data,
                     STR_ARG(once), STR_ARG(twice));
        changed += !str_eq(once, buf_str(&bundle));
        assert_true(round + 1 < ROUNDS || changed > ROUNDS / 3); /* it is about something */
        rules_free(set);
        arena_reset(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twice_is_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
