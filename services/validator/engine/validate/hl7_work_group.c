/* What HL7's own definitions say of the work group that owns them: publisher and contact follow
 * from it.
 *
 * spec: confluence "HL7 publishing"; work groups and their pages: hl7.org/Special/committees */
#include "services/validator/engine/validate/specials.h"

#define WORK_GROUP "http://hl7.org/fhir/StructureDefinition/structuredefinition-wg"
#define PAGES "http://www.hl7.org/Special/committees/"

typedef struct WorkGroup {
    const char *code, *name, *other_name, *page;
} WorkGroup;

static const WorkGroup work_groups[] = {
    {"brr",   "Biomedical Research and Regulation",      NULL,         "rcrim"             },
    {"cbcc",  "Community Based Collaborative Care",      NULL,         "homehealth"        },
    {"cds",   "Clinical Decision Support",               NULL,         "dss"               },
    {"cg",    "Clinical Genomics",                       NULL,         "clingenomics"      },
    {"cgp",   "Cross-Group Projects",                    NULL,         "cgp"               },
    {"cic",   "Clinical Interoperability Council",       NULL,         "cic"               },
    {"cqi",   "Clinical Quality Information",            NULL,         "cqi"               },
    {"dev",   "Health Care Devices",                     NULL,         "healthcaredevices" },
    {"ec",    "Emergency Care",                          NULL,         "emergencycare"     },
    {"ehr",   "Electronic Health Records",               NULL,         "ehr"               },
    {"fhir",  "FHIR Infrastructure",                     NULL,         "fiwg"              },
    {"fm",    "Financial Management",                    NULL,         "fm"                },
    {"hsi",   "Health Standards Integration",            NULL,         "hsi"               },
    {"ii",    "Imaging Integration",                     NULL,         "imagemgt"          },
    {"inm",   "Infrastructure And Messaging",            NULL,         "inm"               },
    {"its",   "Implementable Technology Specifications", NULL,         "xml"               },
    {"lhs",   "Learning Health Systems",                 NULL,         "lhs"               },
    {"mnm",   "Modeling and Methodology",                NULL,         "mnm"               },
    {"oo",    "Orders and Observations",                 NULL,         "orders"            },
    {"pa",    "Patient Administration",                  NULL,         "pafm"              },
    {"pc",    "Patient Care",                            NULL,         "patientcare"       },
    {"pe",    "Patient Empowerment",                     NULL,         "patientempowerment"},
    {"pher",  "Public Health",                           NULL,         "pher"              },
    {"phx",   "Pharmacy",                                NULL,         "medication"        },
    {"sd",    "Structured Documents",                    NULL,         "structure"         },
    {"sec",   "Security",                                NULL,         "secure"            },
    {"us",    "US Realm Steering Committee",             NULL,         "usrealm"           },
    {"vocab", "Terminology Infrastructure",              "Vocabulary", "Vocab"             },
};

static const WorkGroup *work_group_of(Str code)
{
    for (size_t i = 0; i < sizeof work_groups / sizeof *work_groups; i++)
        if (str_is(code, work_groups[i].code))
            return &work_groups[i];
    return NULL;
}

static Str stated_code(const Walk *walk, ElemId elem)
{
    ELEM_EACH(&walk->elems, child, elem)
    {
        if (walk_elem(walk, child)->property != walk->model->n_extension ||
            !str_is(walk_text(walk, child, "url"), WORK_GROUP))
            continue;
        ElemId value = elem_child_element(&walk->elems, child, walk->model->n_value);
        return value ? elem_text(walk_elem(walk, value)) : STR_NONE;
    }
    return STR_NONE;
}

static bool is_publisher(Str publisher, const char *name)
{
    Str hl7 = STR("HL7 International / ");
    return name && str_starts(publisher, hl7) && str_is(str_skip(publisher, hl7.len), name);
}

static void check_publisher(Walk *walk, ElemId elem, const WorkGroup *group, FindingPath form)
{
    Str publisher = walk_text(walk, elem, "publisher");
    if (is_publisher(publisher, group->name) || is_publisher(publisher, group->other_name))
        return;
    Finding *finding = report_with(
        walk, SEVERITY_WARNING, group->other_name ? MSG_HL7_PUBLISHER_TWO : MSG_HL7_PUBLISHER, elem,
        str_from(group->code), str_from(group->name), publisher.ptr ? publisher : STR(""),
        str_from(group->other_name ? group->other_name : ""));
    if (finding)
        finding->path = (uint8_t)form;
}

static bool has_page(const Walk *walk, ElemId elem, const char *page)
{
    Str pages = STR(PAGES);
    uint16_t contact = walk_name(walk, "contact"), telecom = walk_name(walk, "telecom");
    ELEM_EACH(&walk->elems, detail, elem)
    {
        if (walk_elem(walk, detail)->property != contact)
            continue;
        ELEM_EACH(&walk->elems, point, detail)
        {
            Str value = walk_elem(walk, point)->property == telecom
                            ? walk_text(walk, point, "value")
                            : STR_NONE;
            if (str_starts(value, pages) && str_starts(str_skip(value, pages.len), str_from(page)))
                return true;
        }
    }
    return false;
}

void check_hl7_work_group(Walk *walk, ElemId elem, FindingPath form)
{
    Str url = walk_text(walk, elem, "url");
    if (!str_starts(url, STR("http://hl7.org/fhir/")) ||
        walk_elem(walk, elem)->flags & ELEM_CONTAINED)
        return;
    const WorkGroup *group = work_group_of(stated_code(walk, elem));
    if (!group)
        return;
    check_publisher(walk, elem, group, form);
    if (has_page(walk, elem, group->page))
        return;
    Finding *finding =
        report_with(walk, SEVERITY_WARNING, MSG_HL7_CONTACT, elem, str_from(group->code),
                    str_from(group->page), STR_NONE, STR_NONE);
    if (finding)
        finding->path = (uint8_t)form;
}
