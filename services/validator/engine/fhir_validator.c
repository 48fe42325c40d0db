#include "services/validator/engine/fhir_validator.h"

#include "services/validator/engine/fhir_compile.h"
#include "services/validator/engine/image/image.h"
#include "services/validator/engine/validate/walk.h"

enum {
    BYTES_DEFAULT = 64 << 20,
    DEPTH_DEFAULT = 256,
    NODES_DEFAULT = 5000000,
    ISSUES_DEFAULT = 10000
};
static const uint64_t STEPS_DEFAULT = 2000000000;

typedef struct Loaded {
    Image image;
    bool mapped; /* from a file: to be unmapped */
    Schema schema;
    Terminology terminology;
} Loaded;

struct FhirValidator {
    size_t count;
    Loaded images[];
};

/* --- images ----------------------------------------------------------------------------------- */

/* The bindings' numbers lead into the other part of the image. */
static bool check_bindings(const Loaded *loaded, Err *err)
{
    const Schema *schema = &loaded->schema;
    for (uint32_t i = 0; i < schema->binding_count; i++)
        if (!terminology_has_binding(&loaded->terminology, &schema->bindings[i].tx) ||
            schema->bindings[i].strength > BINDING_REQUIRED)
            return ERR(err, ERR_INPUT, "image-format", "a binding leads to no value set");
    return true;
}

static bool bind(Loaded *loaded, Err *err)
{
    TRY(schema_bind(&loaded->image, fhir_model_r4(), &loaded->schema, err));
    TRY(terminology_open(image_section(&loaded->image, IMAGE_TERMINOLOGY), &loaded->terminology,
                         err));
    if (loaded->schema.info->reference > FHIR_REFERENCE_CORE)
        return ERR(err, ERR_INPUT, "image-format", "the image names no reference that is known");
    return check_bindings(loaded, err);
}

static bool load(Loaded *loaded, const char *path, Err *err)
{
    TRY(image_open(path, &loaded->image, err));
    loaded->mapped = true;
    Err why = {0};
    if (bind(loaded, &why))
        return true;
    image_close(&loaded->image);
    return ERR(err, why.kind, why.code, "%s: %s", path, why.text);
}

static FhirValidator *validator_new(size_t count, Err *err)
{
    FhirValidator *validator = calloc(1, sizeof *validator + count * sizeof *validator->images);
    if (!validator)
        (void)ERR(err, ERR_FATAL, "memory", "no memory for the validator");
    return validator;
}

bool fhir_validator_open(const char *const *image_paths, size_t count,
                         FhirValidator **ret_validator, Err *err)
{
    FhirValidator *validator = validator_new(count, err);
    if (!validator)
        return false;
    for (size_t i = 0; i < count; i++, validator->count++)
        if (!load(&validator->images[i], image_paths[i], err)) {
            fhir_validator_close(validator);
            return false;
        }
    *ret_validator = validator;
    return true;
}

bool fhir_validator_over(const Str *images, size_t count, FhirValidator **ret_validator, Err *err)
{
    FhirValidator *validator = validator_new(count, err);
    if (!validator)
        return false;
    for (size_t i = 0; i < count; i++, validator->count++)
        if (!image_over(images[i], &validator->images[i].image, err) ||
            !bind(&validator->images[i], err)) {
            fhir_validator_close(validator);
            return false;
        }
    *ret_validator = validator;
    return true;
}

void fhir_validator_close(FhirValidator *validator)
{
    if (!validator)
        return;
    for (size_t i = 0; i < validator->count; i++)
        if (validator->images[i].mapped)
            image_close(&validator->images[i].image);
    free(validator);
}

size_t fhir_validator_image_count(const FhirValidator *validator)
{
    return validator->count;
}

Str fhir_validator_image_name(const FhirValidator *validator, size_t index)
{
    if (index >= validator->count)
        return STR_NONE;
    const Schema *schema = &validator->images[index].schema;
    return schema_text(schema, schema->info->name);
}

Str fhir_validator_image_version(const FhirValidator *validator, size_t index)
{
    if (index >= validator->count)
        return STR_NONE;
    const Schema *schema = &validator->images[index].schema;
    return schema_text(schema, schema->info->version);
}

Str fhir_validator_image_reference(const FhirValidator *validator, size_t index)
{
    if (index >= validator->count)
        return STR_NONE;
    uint32_t reference = validator->images[index].schema.info->reference;
    return reference == FHIR_REFERENCE_HAPI ? STR("hapi") : STR("core");
}

uint64_t fhir_validator_image_id(const FhirValidator *validator, size_t index)
{
    return index < validator->count ? validator->images[index].image.id : 0;
}

size_t fhir_validator_image_bytes(const FhirValidator *validator, size_t index)
{
    return index < validator->count ? validator->images[index].image.size : 0;
}

size_t fhir_validator_image_packages(const FhirValidator *validator, size_t index,
                                     FhirPackageName *ret_packages, size_t room)
{
    if (index >= validator->count)
        return 0;
    const Schema *schema = &validator->images[index].schema;
    if (schema->package_count == 0 && room > 0)
        ret_packages[0] = (FhirPackageName){fhir_validator_image_name(validator, index),
                                            fhir_validator_image_version(validator, index)};
    for (uint32_t i = 0; i < schema->package_count && i < room; i++)
        ret_packages[i] = (FhirPackageName){schema_text(schema, schema->packages[i].name),
                                            schema_text(schema, schema->packages[i].version)};
    return schema->package_count ? schema->package_count : 1;
}

size_t fhir_validator_image_profiles(const FhirValidator *validator, size_t index, Str *ret_urls,
                                     size_t room)
{
    size_t count = 0;
    if (index >= validator->count)
        return 0;
    const Schema *schema = &validator->images[index].schema;
    for (ProfileId id = 1; id < schema->profile_count; id++) {
        const SchemaProfile *p = schema_profile(schema, id);
        enum { WANTED = PROFILE_CONSTRAINT | PROFILE_RESOURCE };
        if ((p->flags & (WANTED | PROFILE_CORE | PROFILE_EXTENSION)) != WANTED)
            continue;
        if (count++ < room)
            ret_urls[count - 1] = schema_text(schema, p->url);
    }
    return count;
}

size_t fhir_validator_image_of_profile(const FhirValidator *validator, Str canonical)
{
    for (size_t i = 0; i < validator->count; i++)
        if (schema_find(&validator->images[i].schema, canonical))
            return i;
    return SIZE_MAX;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* One fatal issue at a place of the source: it could not be read to the end. */
static bool unreadable(Walk *walk, Message message, const JsonPosition *at, const Err *why,
                       Verdict *verdict)
{
    Issue *issue = ARENA_NEW(walk->arena, Issue);
    if (!issue)
        return false;
    Finding *finding =
        report_with(walk, SEVERITY_FATAL, message, ELEM_NONE,
                    arena_copy(walk->arena, str_from(why->text)), STR_NONE, STR_NONE, STR_NONE);
    if (!finding)
        return false;
    finding->path = FINDING_PATH_TEXT;
    if (!report_finish(walk, walk->out, 1, verdict) || !verdict->issues)
        return false;
    *issue = *verdict->issues;
    issue->line = at->line;
    issue->column = at->column;
    verdict->issues = issue;
    return true;
}

/* The same bytes with blanks in the place of comments, so that positions stay; in the arena. */
static Str without_comments(Str source, Arena *arena)
{
    Str copy = arena_copy(arena, source);
    char *bytes = (char *)(uintptr_t)copy.ptr; /* ours: just made */
    bool in_string = false;
    for (size_t i = 0; i + 1 < copy.len; i++) {
        if (in_string) {
            i += bytes[i] == '\\';
            in_string = i >= copy.len || bytes[i] != '"';
            continue;
        }
        in_string = bytes[i] == '"';
        bool line = bytes[i] == '/' && bytes[i + 1] == '/';
        if (!line && !(bytes[i] == '/' && bytes[i + 1] == '*'))
            continue;
        Str rest = str_skip(copy, i + 2);
        size_t end = line ? str_find_char(rest, '\n') : str_find(rest, STR("*/"));
        size_t behind = end == SIZE_MAX ? copy.len : i + 2 + end + (line ? 0 : 2);
        for (; i < behind; i++)
            bytes[i] = bytes[i] == '\n' || bytes[i] == '\r' ? bytes[i] : ' ';
        i--;
    }
    return copy;
}

static bool read_source(Walk *walk, const ValidateLimits *limits, JsonDoc *doc, JsonPosition *at,
                        Err *why)
{
    size_t bytes = limits->bytes ? limits->bytes : BYTES_DEFAULT;
    if (walk->source.len > bytes || walk->source.len >= UINT32_MAX)
        return ERR(why, ERR_INPUT, "json-bytes", "the resource has more than %zu bytes", bytes);
    if (walk->rules & RULE_JSON_COMMENTS)
        walk->source = without_comments(walk->source, walk->arena);
    JsonLimits json = {.depth = limits->depth ? limits->depth : DEPTH_DEFAULT,
                       .nodes = limits->nodes ? limits->nodes : NODES_DEFAULT};
    return json_read(walk->source, &walk->model->names, &json, walk->arena, doc, at, why);
}

/* What was exceeded is not wrong in the JSON: another code for the sender. */
static Message message_of(const Err *why)
{
    static const char *const limits[] = {"json-depth", "json-nodes", "json-bytes", "memory-limit"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (str_is(str_from(why->code), limits[i]))
            return MSG_LIMIT;
    return MSG_JSON_SYNTAX;
}

/* --- rules ------------------------------------------------------------------------------------ */

ValidateRule fhir_rule_find(const char *name)
{
    static const struct {
        const char *name;
        ValidateRule rule;
    } rules[] = {
        {"unknown-profile-warns",   RULE_UNKNOWN_PROFILE_WARNS  },
        {"unknown-extension-fails", RULE_UNKNOWN_EXTENSION_FAILS},
        {"html-in-markdown-fails",  RULE_HTML_IN_MARKDOWN_FAILS },
        {"html-in-text-fails",      RULE_HTML_IN_TEXT_FAILS     },
        {"for-publication",         RULE_FOR_PUBLICATION        },
        {"unknown-system-warns",    RULE_UNKNOWN_SYSTEM_WARNS   },
        {"rest-references",         RULE_REST_REFERENCES        },
        {"references-resolve",      RULE_REFERENCES_RESOLVE     },
        {"example-url-fails",       RULE_EXAMPLE_URL_FAILS      },
        {"contained-ignored",       RULE_CONTAINED_IGNORED      },
        {"json-comments",           RULE_JSON_COMMENTS          },
        {"vital-signs",             RULE_VITAL_SIGNS            },
        {"narrative-links",         RULE_NARRATIVE_LINKS        },
        {"global-profiles",         RULE_GLOBAL_PROFILES        },
        {"search-parameters",       RULE_SEARCH_PARAMETERS      },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].name, name) == 0)
            return rules[i].rule;
    return 0;
}

/* --- validating ------------------------------------------------------------------------------- */

enum { CLAIMS_MAX = 64 };

/* The root's meta.profile; the Java core (as HAPI calls it) validates against these alone. */
static uint32_t claimed_profiles(const Walk *walk, Str urls[CLAIMS_MAX])
{
    uint32_t count = 0;
    ElemId meta = elem_child(&walk->elems, ELEM_ROOT, walk->model->n_meta);
    if (meta)
        ELEM_EACH(&walk->elems, claim, meta)
    if (walk_elem(walk, claim)->property == walk->model->n_profile && count < CLAIMS_MAX &&
        elem_text(walk_elem(walk, claim)).len)
        urls[count++] = elem_text(walk_elem(walk, claim));
    return count;
}

static const Loaded *choose_image(const FhirValidator *validator, const ValidateOptions *options,
                                  const Str *claims, uint32_t claim_count)
{
    if (validator->count == 0)
        return NULL;
    if (options->image < validator->count)
        return &validator->images[options->image];
    for (uint32_t i = 0; i < claim_count; i++) {
        size_t index = fhir_validator_image_of_profile(validator, claims[i]);
        if (index != SIZE_MAX)
            return &validator->images[index];
    }
    return &validator->images[0];
}

static void report_unknown_root(Walk *walk, Str url)
{
    Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_PROFILE_UNKNOWN_ROOT, ELEM_NONE, url,
                                   STR_NONE, STR_NONE, STR_NONE);
    if (finding)
        finding->path = FINDING_PATH_TEXT;
}

/* Those of the claimed profiles that are known. spec: HAPI complains of unknown ones only when it
 * knows none (each is an issue of its own at meta.profile, anyway). */
static uint32_t claimed_roots(Walk *walk, const Str *claims, uint32_t claim_count,
                              ProfileId *profiles)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < claim_count; i++) {
        profiles[count] = schema_find(walk->schema, claims[i]);
        count += profiles[count] != 0;
    }
    for (uint32_t i = 0; count == 0 && i < claim_count; i++)
        if (!(walk->rules & RULE_UNKNOWN_PROFILE_WARNS))
            report_unknown_root(walk, claims[i]);
    return count;
}

/* spec: as HAPI does: the claimed profiles one after the other, else the type's own definition. */
static void walk_root(Walk *walk, const ValidateOptions *options, const Str *claims,
                      uint32_t claim_count)
{
    ProfileId profiles[CLAIMS_MAX * 2];
    uint32_t count = claimed_roots(walk, claims, claim_count, profiles);
    for (size_t i = 0; i < options->profile_count && count < CLAIMS_MAX * 2; i++) {
        profiles[count] = schema_find(walk->schema, options->profiles[i]);
        if (!profiles[count])
            report_unknown_root(walk, options->profiles[i]);
        count += profiles[count] != 0;
    }
    walk->base_only = count == 0;
    if (count == 0)
        profiles[count++] = schema_of_type(walk->schema, elem_at(&walk->elems, ELEM_ROOT)->type);
    Scope scope = {.resource = ELEM_ROOT, .root_resource = ELEM_ROOT, .check_specials = true};
    for (uint32_t i = 0; i < count && !walk->stopped; i++)
        if (profiles[i])
            run_resource(walk, &scope, ELEM_ROOT, profiles[i], ID_OPTIONAL, false);
}

static bool start_walk(Walk *walk, const Loaded *loaded)
{
    FhirpathEnvironment *environment = ARENA_NEW(walk->arena, FhirpathEnvironment);
    FhirpathHost *host = ARENA_NEW(walk->arena, FhirpathHost);
    walk->names = ARENA_NEW(walk->arena, NameCache);
    walk->runs = memo_new(walk->arena);
    walk->invariants = memo_new(walk->arena);
    walk->removable = memo_new(walk->arena);
    walk->answers = memo_new(walk->arena);
    walk->indexes = memo_new(walk->arena);
    if (!environment || !host || !walk->names || !walk->runs || !walk->invariants ||
        !walk->removable || !walk->answers)
        return false;
    *host = host_for(walk);
    *environment = (FhirpathEnvironment){.model = walk->model, .host = host};
    walk->schema = &loaded->schema;
    walk->terminology = &loaded->terminology;
    walk->environment = environment;
    walk->eval = fhirpath_eval_new(environment, walk->arena);
    return walk->eval != NULL && host_prepare(walk);
}

static void describe(const Walk *walk, const Str *claims, uint32_t claim_count, Verdict *verdict)
{
    const Schema *schema = walk->schema;
    verdict->ig_name = schema_text(schema, schema->info->name);
    verdict->ig_version = schema_text(schema, schema->info->version);
    for (uint32_t i = 0; i < claim_count && !verdict->profile.len; i++)
        if (schema_find(schema, claims[i]))
            verdict->profile = claims[i];
}

/* HAPI takes a required binding that it cannot check for broken; where its terminology is asked
 * for, so do we. */
static unsigned rules_of_image(const Loaded *loaded)
{
    if (loaded->schema.info->reference == FHIR_REFERENCE_CORE)
        return RULES_OF_CORE;
    return terminology_is_lenient(&loaded->terminology) ? 0 : RULE_UNKNOWN_SYSTEM_WARNS;
}

static bool validate_document(Walk *walk, const FhirValidator *validator,
                              const ValidateOptions *options, Verdict *verdict)
{
    verdict->readable = elements_read(walk);
    if (!verdict->readable)
        return true;
    verdict->resource_type = fhir_type_name(walk->model, elem_at(&walk->elems, ELEM_ROOT)->type);
    Str claims[CLAIMS_MAX];
    uint32_t claim_count = claimed_profiles(walk, claims);
    const Loaded *loaded = choose_image(validator, options, claims, claim_count);
    if (!loaded)
        return true;
    walk->rules |= rules_of_image(loaded) & ~options->rules_off;
    if (!start_walk(walk, loaded))
        return false;
    describe(walk, claims, claim_count, verdict);
    walk_root(walk, options, claims, claim_count);
    if (walk->stop_reason.ptr)
        report_with(walk, SEVERITY_FATAL, MSG_LIMIT, walk->stopped_at, walk->stop_reason, STR_NONE,
                    STR_NONE, STR_NONE);
    return true;
}

bool fhir_validate(const FhirValidator *validator, Str resource, const ValidateOptions *options,
                   Arena *arena, Verdict *ret_verdict, Err *err)
{
    static const ValidateOptions defaults = {.image = SIZE_MAX};
    const ValidateOptions *o = options ? options : &defaults;
    Findings findings = {0};
    Walk *walk = ARENA_NEW(arena, Walk);
    JsonDoc *doc = ARENA_NEW(arena, JsonDoc);
    if (!walk || !doc)
        return ERR(err, ERR_INPUT, "memory-limit", "the memory limit of the message is reached");
    *walk = (Walk){.arena = arena,
                   .source = resource,
                   .model = fhir_model_r4(),
                   .doc = doc,
                   .out = &findings,
                   .rules = o->rules & ~o->rules_off,
                   .best_practice = !o->no_best_practice,
                   .step_limit = o->limits.steps ? o->limits.steps : STEPS_DEFAULT};
    Verdict verdict = {0};
    JsonPosition at = {0};
    Err why = {0};
    bool done;
    if (!read_source(walk, &o->limits, doc, &at, &why))
        done = unreadable(walk, message_of(&why), &at, &why, &verdict);
    else
        done = validate_document(walk, validator, o, &verdict) && !arena_exhausted(arena) &&
               report_finish(walk, &findings, o->limits.issues ? o->limits.issues : ISSUES_DEFAULT,
                             &verdict);
    arena_free(walk->side);
    if (!done || arena_exhausted(arena))
        return ERR(err, ERR_INPUT, "memory-limit", "the memory limit of the message is reached");
    *ret_verdict = verdict;
    return true;
}
