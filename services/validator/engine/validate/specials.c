/* What only code knows of resource types: implied profiles, best practice, bundles. */
#include "services/validator/engine/validate/specials.h"
#include "services/validator/engine/validate/ids.h"
#include "services/validator/engine/validate/text.h"

#define CORE "http://hl7.org/fhir/StructureDefinition/"

/* spec: hl7.org/fhir/R4/observation-vitalsigns.html: these codes make an Observation a vital sign
 */
typedef struct VitalSign {
    const char *system;
    const char *profile;
    const char *codes; /* between blanks */
} VitalSign;

#define WORK_GROUP "http://hl7.org/fhir/StructureDefinition/structuredefinition-wg"
#define LOINC "http://loinc.org"
#define SNOMED "http://snomed.info/sct"

static const VitalSign vital_signs[] = {
    {LOINC,  CORE "vitalspanel", " 85353-1 "                                                       },
    {LOINC,  CORE "resprate",    " 9279-1 76170-0 76172-6 76171-8 19840-8 33438-3 76270-8 11291-2 "},
    {LOINC,  CORE "heartrate",
     " 60978-4 73795-7 73799-9 76476-1 76477-9 8867-4 8889-8 8890-6 8891-4 8892-2 8893-0 40443-4 "
     "55425-3 68999-2 11328-2 69000-8 8886-4 "                                                     },
    {LOINC,  CORE "oxygensat",
     " 2708-6 19224-5 20564-1 2709-4 2710-2 2713-6 51733-4 59408-5 59417-6 89276-0 97549-0 "       },
    {LOINC,  CORE "bodytemp",
     " 8310-5 60834-9 60835-6 60836-4 60838-0 60955-2 61009-7 75539-7 75987-8 76010-8 76011-6 "
     "76278-1 8309-7 8328-7 8329-5 8330-3 8331-1 8332-9 8333-7 8334-5 91371-5 98657-0 98663-8 "    },
    {LOINC,  CORE "bodyheight",  " 8302-2 3137-7 3138-5 8306-3 8308-9 "                            },
    {LOINC,  CORE "headcircum",  " 9843-4 8287-5 "                                                 },
    {LOINC,  CORE "bodyweight",  " 29463-7 3141-9 3142-7 75292-3 79348-9 8350-1 8351-9 "           },
    {LOINC,  CORE "bmi",         " 39156-5 59574-4 89270-3 "                                       },
    {LOINC,  CORE "bp",          " 85354-9 35094-2 8459-0 76534-7 55284-4 8480-6 "                 },
    {SNOMED, CORE "vitalspanel", " 46680005 "                                                      },
    {SNOMED, CORE "bp",          " 86290005 271625008 271306003 "                                  },
    {SNOMED, CORE "heartrate",   " 249043002 444981005 399017001 251670001 429525003 429614003 "   },
    {SNOMED, CORE "oxygensat",
     " 103228002 442349007 442476006 442440005 431314004 442734002 713194001 "                     },
    {SNOMED, CORE "bodytemp",
     " 386725007 276885007 300076005 1222808002 364246006 307047009 708499008 431598003 698831002 "
     "698832009 415882003 415974002 415929009 415945006 "                                          },
    {SNOMED, CORE "bodyheight",
     " 1153637007 1162419008 50373000 1162418000 1230278008 1162392001 1162417005 "                },
    {SNOMED, CORE "headcircum",  " 363812007 169876006 1269262007 363811000 "                      },
    {SNOMED, CORE "bodyweight",
     " 60621009 735395000 425024002 424927000 784399000 1162416001 1162415002 "                    },
    {SNOMED, CORE "bp",
     " 75367002 251076008 163033001 163035008 386534000 386536003 271649006 271650006 407556006 "
     "407554009 716579001 399304008 "                                                              },
};

enum { CODES_MAX = 16, CODE_BYTES_MAX = 24 };

/* The LOINC and SNOMED CT codes of a concept, between blanks as in the table. */
typedef struct Codes {
    struct {
        bool loinc;
        char text[CODE_BYTES_MAX];
    } items[CODES_MAX];
    uint32_t count;
} Codes;

static void read_codes(const Walk *walk, ElemId concept, Codes *ret)
{
    ret->count = 0;
    ELEM_EACH(&walk->elems, coding, concept)
    {
        if (walk_elem(walk, coding)->property != walk->model->n_coding || ret->count == CODES_MAX)
            continue;
        Str system = walk_text(walk, coding, "system");
        Str code = walk_text(walk, coding, "code");
        bool loinc = str_eq(system, STR(LOINC));
        if ((!loinc && !str_eq(system, STR(SNOMED))) || code.len == 0 ||
            code.len + 3 > CODE_BYTES_MAX)
            continue;
        char *text = ret->items[ret->count].text;
        text[0] = ' ';
        memcpy(text + 1, code.ptr, code.len);
        text[code.len + 1] = ' ';
        text[code.len + 2] = '\0';
        ret->items[ret->count++].loinc = loinc;
    }
}

static bool has_code(const Codes *codes, const VitalSign *sign)
{
    bool loinc = strcmp(sign->system, LOINC) == 0;
    for (uint32_t i = 0; i < codes->count; i++)
        if (codes->items[i].loinc == loinc && strstr(sign->codes, codes->items[i].text))
            return true;
    return false;
}

static bool run_vital_sign(Walk *walk, const Scope *scope, ElemId elem)
{
    ElemId concept = elem_child(&walk->elems, elem, walk->model->n_code);
    Codes codes;
    if (!concept)
        return true;
    read_codes(walk, concept, &codes);
    for (size_t i = 0; codes.count && i < sizeof vital_signs / sizeof *vital_signs; i++) {
        if (!has_code(&codes, &vital_signs[i]))
            continue;
        ProfileId profile = schema_find(walk->schema, str_from(vital_signs[i].profile));
        Scope inner = *scope;
        inner.resource = elem;
        return !profile || run_profile(walk, &inner, elem, profile, false);
    }
    return true;
}

/* spec: confluence "HL7 publishing": who owns it is said by an extension. */
static bool check_owner(Walk *walk, ElemId elem, FindingPath form)
{
    Str url = walk_text(walk, elem, "url");
    if (!(walk->rules & RULE_FOR_PUBLICATION) || !str_starts(url, STR("http://hl7.org/fhir/")) ||
        str_starts(url, STR("http://hl7.org/fhir/sid")) ||
        walk_elem(walk, elem)->flags & ELEM_CONTAINED)
        return true;
    ELEM_EACH(&walk->elems, child, elem)
    if (walk_elem(walk, child)->property == walk->model->n_extension &&
        str_is(walk_text(walk, child, "url"), WORK_GROUP))
        return true;
    return special(walk, SEVERITY_ERROR, MSG_HL7_WORKGROUP, elem, form, STR(WORK_GROUP));
}

static bool check_definition(Walk *walk, ElemId elem, Str type, FindingPath form)
{
    static const struct {
        const char *type;
        bool (*check)(Walk *walk, ElemId elem, FindingPath form);
    } checks[] = {
        {"CapabilityStatement", check_capability_statement},
        {"CodeSystem",          check_code_system         },
        {"ConceptMap",          check_concept_map         },
        {"Measure",             check_measure             },
        {"MeasureReport",       check_measure_report      },
        {"SearchParameter",     check_search_parameter    },
        {"StructureDefinition", check_structure_definition},
        {"ValueSet",            check_value_set           },
    };
    bool ok = check_owner(walk, elem, form);
    check_hl7_work_group(walk, elem, form);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (str_is(type, checks[i].type))
            return checks[i].check(walk, elem, form) && ok;
    return ok;
}

bool check_specials(Walk *walk, const Scope *scope, ElemId elem, FindingPath form)
{
    Elem *e = &walk->elems.items[elem];
    Str type = fhir_type_name(walk->model, e->type);
    bool ok = true;
    if (str_is(type, "Observation") && (walk->rules & RULE_VITAL_SIGNS))
        ok = run_vital_sign(walk, scope, elem);
    /* The Java core asks up to three times; once with each form of path is enough. */
    uint16_t done = form == FINDING_PATH ? ELEM_SPECIALS_DONE : ELEM_SPECIALS_DONE_BARE;
    if (e->flags & done)
        return ok;
    e->flags |= done;
    if (str_is(type, "Bundle"))
        return check_bundle(walk, scope, elem, form) && ok;
    if (str_is(type, "Observation"))
        return check_observation(walk, elem, form) && ok;
    if (str_is(type, "QuestionnaireResponse"))
        return check_questionnaire_response(walk, scope, elem, form) && ok;
    return check_definition(walk, elem, type, form) && ok;
}

static Str label_of(Walk *walk, ElemId label)
{
    return text_join(walk->arena, walk_text(walk, label, "system"), STR("|"),
                     walk_text(walk, label, "code"));
}

static bool repeated_label(Walk *walk, ElemId elem, ElemId label)
{
    Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_SECURITY_DUPLICATE, elem,
                                   walk_text(walk, label, "code"), STR_NONE, STR_NONE, STR_NONE);
    if (finding) {
        finding->suffix =
            arena_format(walk->arena, ".meta.profile[%u]", walk_elem(walk, label)->index);
        finding->at = elem_offset(walk_elem(walk, label));
    }
    return false;
}

bool check_resource_rules(Walk *walk, ElemId elem)
{
    ElemId meta = elem_child(&walk->elems, elem, walk->model->n_meta);
    uint16_t security = walk_name(walk, "security");
    ElemId first = meta ? elem_child(&walk->elems, meta, security) : ELEM_NONE;
    IdTable labels = {0};
    bool ok = true;
    if (!first || !walk_elem(walk, first)->next)
        return true;
    ELEM_EACH(&walk->elems, label, meta)
    if (walk_elem(walk, label)->property == security)
        ids_add(walk, &labels, label_of(walk, label), label);
    ids_sort(&labels);
    ELEM_EACH(&walk->elems, label, meta)
    {
        uint32_t count;
        const IdEntry *same = walk_elem(walk, label)->property == security
                                  ? ids_find(&labels, label_of(walk, label), &count)
                                  : NULL;
        if (same && same->what != label)
            ok = repeated_label(walk, elem, label);
    }
    return ok;
}
