/* Bindings: what the Java core (with HAPI's in-memory terminology) reports of a coded element. It
 * asks twice: is the code in the value set, and is it a code of its system at all; the second is
 * reported whatever the strength of the binding. Displays are not compared, as there. */
#include "common/fhir/ucum.h"
#include "services/validator/engine/terminology/format.h"

#define PASS_THROUGH "Terminology_PassThrough_TX_Message"
#define UCUM_URL "http://unitsofmeasure.org"

typedef struct Check {
    const Terminology *tx;
    const TxBinding *binding; /* NULL: none */
    const TxReference *reference;
    Arena *arena;
    TxFindings findings;
    TxFinding *last;
    bool unsure; /* a system that a value set needs is missing */
    bool out_of_memory;
} Check;

/* What one question yields before a binding's strength is applied. */
typedef enum ProblemKind {
    PROBLEM_CODE,      /* no such code: reported as it is */
    PROBLEM_NOT_FOUND, /* a system that the set needs is missing */
    PROBLEM_NO_SYSTEM, /* a coding without system */
} ProblemKind;

typedef struct Problem {
    ProblemKind kind;
    TxSeverity severity;
    Str text;
} Problem;

enum { PROBLEMS_MAX = 3 };

typedef struct Answer {
    bool ok;
    uint32_t count;
    Problem problems[PROBLEMS_MAX];
} Answer;

/* --- findings --- */

static TxFinding *report(Check *c, TxSeverity severity, const char *message_id, Str text)
{
    TxFinding *finding = ARENA_NEW(c->arena, TxFinding);
    if (!finding || !text.ptr) {
        c->out_of_memory = true;
        return NULL;
    }
    *finding = (TxFinding){
        .severity = severity, .message_id = message_id, .issue_code = "code-invalid", .text = text};
    finding->unsure =
        c->unsure && message_id && str_starts(str_from(message_id), STR("Terminology_TX_NoValid_"));
    if (c->last)
        c->last->next = finding;
    else
        c->findings.first = finding;
    c->last = finding;
    c->findings.count++;
    c->findings.ok = c->findings.ok && severity != TX_ERROR;
    return finding;
}

static bool finish(Check *c, TxFindings *ret)
{
    if (c->out_of_memory)
        return false;
    *ret = c->findings;
    return true;
}

static Check start(const Terminology *tx, const TxBinding *binding, const TxReference *reference,
                   Arena *arena)
{
    static const TxReference none;
    return (Check){.tx = tx,
                   .binding = binding,
                   .reference = reference ? reference : &none,
                   .arena = arena,
                   .findings = {.ok = true}};
}

/* 'Title' (url|version) */
static Str describe(const Check *c, TxValueSet set)
{
    Str title = terminology_value_set_title(c->tx, set);
    Str url = terminology_value_set_url(c->tx, set);
    Str version = terminology_value_set_version(c->tx, set);
    return ARENA_JOIN(c->arena, STR("'"), title, STR("' ("), url, str_from(version.len ? "|" : ""),
                      version, STR(")"));
}

static Str code_name(const Check *c, Str system, Str code)
{
    if (!code.ptr)
        code = STR("(no code)");
    if (!system.ptr)
        return code;
    return ARENA_JOIN(c->arena, system, STR("#"), code);
}

static void add_problem(Answer *a, ProblemKind kind, TxSeverity severity, Str text)
{
    if (a->count < PROBLEMS_MAX)
        a->problems[a->count++] = (Problem){kind, severity, text};
}

static bool is_of_hl7(Str text)
{
    return str_find(text, STR("http://hl7.org/fhir")) != SIZE_MAX ||
           str_find(text, STR("http://terminology.hl7.org")) != SIZE_MAX;
}

/* strength -1: no binding is at stake */
static void report_answer(Check *c, const Answer *a, int strength)
{
    for (uint32_t i = 0; i < a->count; i++) {
        const Problem *p = &a->problems[i];
        TxSeverity severity = p->severity;
        c->unsure = c->unsure || p->kind == PROBLEM_NOT_FOUND;
        if (p->kind == PROBLEM_NOT_FOUND && !(strength == TX_REQUIRED && is_of_hl7(p->text)))
            severity = TX_WARNING;
        TxFinding *f =
            report(c, severity, p->kind == PROBLEM_NO_SYSTEM ? NULL : PASS_THROUGH, p->text);
        if (f && p->kind != PROBLEM_CODE)
            f->issue_code = "not-found";
    }
}

/* --- is it a code of its system? --- */

/* `found`: what the terminology has under that url. `bare`: the code stands without its system.
 * HAPI then minds letter case in every system, and takes a fragment for complete. */
static void ask_system(const Check *c, Str system, TxSystem found, Str code, bool bare, Answer *a,
                       bool *ret_supported)
{
    bare = bare && tx_is_lenient(c->tx);
    TxAnswer answer = tx_code(c->tx, found, code, bare);
    if (bare && answer == TX_UNKNOWN_IN_FRAGMENT)
        answer = TX_UNKNOWN_CODE;
    *ret_supported = answer != TX_UNKNOWN_SYSTEM;
    a->ok = answer == TX_YES || answer == TX_UNKNOWN_IN_FRAGMENT;
    if (answer == TX_UNKNOWN_IN_FRAGMENT) {
        add_problem(a, PROBLEM_CODE, TX_WARNING,
                    arena_format(c->arena, "Unknown code '%.*s' in a fragment of its code system",
                                 STR_ARG(code_name(c, system, code))));
    } else if (answer == TX_UNKNOWN_CODE && str_is(system, UCUM_URL)) {
        UcumProblem why = {.text = "no unit"};
        ucum_valid(code, &why);
        add_problem(a, PROBLEM_CODE, TX_ERROR,
                    arena_format(c->arena,
                                 "'%.*s' is no UCUM unit: %s%s%.*s%s at position %u (for '" UCUM_URL
                                 "#%.*s')",
                                 STR_ARG(code), why.text, why.symbol.len ? " '" : "",
                                 STR_ARG(why.symbol), why.symbol.len ? "'" : "", why.at,
                                 STR_ARG(code)));
    } else if (answer == TX_UNKNOWN_CODE &&
               terminology_system_content(c->tx, found) != TX_CONTENT_GRAMMAR) {
        add_problem(
            a, PROBLEM_CODE, TX_ERROR,
            arena_format(c->arena, "Unknown code '%.*s'", STR_ARG(code_name(c, system, code))));
    }
}

/* --- is it in the value set? --- */

static Str missing_system(const Check *c, TxValueSet set, Str system)
{
    Str url = system.ptr ? system : tx_missing_system(c->tx, set);
    if (!url.ptr)
        return arena_format(c->arena, "The value set %.*s cannot be expanded",
                            STR_ARG(describe(c, set)));
    bool loaded = terminology_system_content(c->tx, terminology_system(c->tx, url)) >=
                  TX_CONTENT_EXAMPLE; /* of a filter that needs more than codes */
    return arena_format(c->arena, "The value set cannot be expanded: its code system is %s: %.*s",
                        loaded ? "loaded as a plain list of codes" : "not loaded", STR_ARG(url));
}

static bool refuse(const Check *c, Answer *a, const char *what, Str system, Str code)
{
    add_problem(a, PROBLEM_CODE, TX_ERROR,
                arena_format(c->arena, "%s: %.*s", what, STR_ARG(code_name(c, system, code))));
    return false;
}

/* The value sets that HAPI answers by their url; *ret_ok untouched and false for all others. */
static bool ask_special(const Check *c, TxValueSet set, Str system, Str code, Answer *a)
{
    static const char *const systems[] = {[TX_SPECIAL_LANGUAGES] = "urn:ietf:bcp:47",
                                          [TX_SPECIAL_ALL_LANGUAGES] = "urn:ietf:bcp:47",
                                          [TX_SPECIAL_MIME] = "urn:ietf:bcp:13",
                                          [TX_SPECIAL_UCUM] = UCUM_URL,
                                          [TX_SPECIAL_CURRENCIES] = "urn:iso:std:iso:4217",
                                          [TX_SPECIAL_USPS] = "https://www.usps.com/"};
    bool ignored;
    TxSpecial special = tx_special(c->tx, set);
    if (special == TX_SPECIAL_NONE)
        return false;
    Str expected = str_from(systems[special]);
    if (system.len && !str_eq(system, expected)) {
        a->ok = refuse(c, a, "This code system has nothing in this value set", system, code);
        return true;
    }
    switch (special) {
    case TX_SPECIAL_LANGUAGES:
        a->ok = terminology_contains(c->tx, set, STR_NONE, code) == TX_YES ||
                refuse(c, a, "Not in the value set of common languages", STR_NONE, code);
        break;
    case TX_SPECIAL_MIME:
        a->ok = true;
        break;
    case TX_SPECIAL_UCUM:
        ask_system(c, expected, terminology_system(c->tx, expected), code, false, a, &ignored);
        break;
    default:
        a->ok = terminology_code(c->tx, expected, code) == TX_YES ||
                refuse(c, a, "Unknown code", expected, code);
    }
    return true;
}

/* Without a system a code is looked for in the loaded ones; if it is not there and others are
 * missing, nothing can be said. */
static TxAnswer ask_without_system(const Check *c, TxValueSet set, Str code, bool exact)
{
    if (tx_loaded_part_has(c->tx, set, code, exact))
        return TX_YES;
    if (tx_missing_system(c->tx, set).ptr)
        return TX_NOT_CHECKABLE;
    return tx_contains(c->tx, set, STR_NONE, TX_NONE, code, exact);
}

/* A coding without system is in no set, even if its code is. `bare`: a code alone. */
static Answer ask_set(const Check *c, TxValueSet set, Str system, Str code, bool bare)
{
    Answer a = {0}, of_system = {0};
    bool supported, exact = bare && tx_is_lenient(c->tx);
    if (bare)
        system = terminology_infer_system(c->tx, set, code);
    TxSystem found = terminology_system(c->tx, system);
    if (!ask_special(c, set, system, code, &a)) {
        TxAnswer answer = system.ptr ? tx_contains(c->tx, set, system, found, code, exact)
                                     : ask_without_system(c, set, code, exact);
        a.ok = answer == TX_YES && (bare || system.ptr);
        if (answer == TX_NOT_CHECKABLE)
            add_problem(&a, PROBLEM_NOT_FOUND, TX_ERROR, missing_system(c, set, system));
    }
    if (system.len && !(bare && tx_version_is_unknown(c->tx, set)))
        ask_system(c, system, found, code, bare, &of_system, &supported);
    for (uint32_t i = 0; i < of_system.count; i++)
        add_problem(&a, of_system.problems[i].kind, of_system.problems[i].severity,
                    of_system.problems[i].text);
    return a;
}

/* --- concepts --- */

static Answer ask_coding(const Check *c, TxValueSet set, const TxCoding *coding)
{
    Answer a = {0};
    bool supported;
    if (set != TX_NONE)
        return ask_set(c, set, coding->system, coding->code, false);
    if (coding->system.len)
        ask_system(c, coding->system, terminology_system(c->tx, coding->system), coding->code,
                   false, &a, &supported);
    return a;
}

/* Every coding has to pass. If they do, the first one's problems are reported, else those of the
 * ones that fail, and the lack of a system of any. */
static bool ask_concept(Check *c, TxValueSet set, const TxCoding *codings, size_t count,
                        int strength)
{
    bool all = true;
    Answer a, first = {0};
    for (size_t i = 0; i < count; i++) {
        a = ask_coding(c, set, &codings[i]);
        all = all && a.ok;
        if (i == 0)
            first = a;
    }
    if (all) {
        report_answer(c, &first, strength);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        a = ask_coding(c, set, &codings[i]);
        if (!codings[i].system.ptr) {
            Answer lack = {0};
            add_problem(&lack, PROBLEM_NO_SYSTEM, TX_WARNING,
                        STR("The coding has no system: without one its code has no meaning and "
                            "cannot be checked"));
            report_answer(c, &lack, strength);
        }
        if (!a.ok)
            report_answer(c, &a, strength);
    }
    return false;
}

static Str list_codes(const Check *c, const TxCoding *codings, size_t count)
{
    enum { LISTED_MAX = 10 };
    Str parts[LISTED_MAX * 2];
    size_t n = 0;
    for (size_t i = 0; i < count && i < LISTED_MAX; i++) {
        parts[n++] = str_from(i ? ", " : "");
        parts[n++] = code_name(c, codings[i].system, codings[i].code);
    }
    return arena_join(c->arena, parts, n);
}

/* The binding's value set is not there. */
static void report_missing_set(Check *c, Str reference, bool is_system)
{
    if (is_system)
        report(c, TX_ERROR, "Terminology_TX_ValueSet_NotFound_CS",
               arena_format(c->arena, "'%.*s' is a code system, a value set was expected",
                            STR_ARG(reference)));
    else
        report(c, TX_WARNING, "Terminology_TX_ValueSet_NotFound",
               arena_format(c->arena, "The value set '%.*s' is not loaded", STR_ARG(reference)));
}

static bool max_is_missing(Check *c)
{
    if (c->binding->max_set != TX_NONE)
        return false;
    report_missing_set(c, c->reference->max_reference, false);
    return true;
}

static void check_max_concept(Check *c, const TxCoding *codings, size_t count)
{
    if (max_is_missing(c) || ask_concept(c, c->binding->max_set, codings, count, -1))
        return;
    report(c, TX_ERROR, "Terminology_TX_NoValid_8",
           arena_format(
               c->arena, "None of the codings is in the maximum value set %.*s (codes: %.*s)",
               STR_ARG(describe(c, c->binding->max_set)), STR_ARG(list_codes(c, codings, count))));
}

static void concept_without_coding(Check *c)
{
    const TxBinding *b = c->binding;
    Str set = describe(c, b->set);
    if (b->strength == TX_REQUIRED)
        report(
            c, TX_ERROR, "Terminology_TX_Code_ValueSet",
            arena_format(c->arena, "No code; one of the value set %.*s is required", STR_ARG(set)));
    else if (b->strength == TX_EXTENSIBLE && b->has_max_set)
        report(c, TX_ERROR, "Terminology_TX_Code_ValueSetMax",
               arena_format(c->arena, "No code; one of the maximum value set '%.*s' is required",
                            STR_ARG(c->reference->max_reference)));
    else if (b->strength == TX_EXTENSIBLE)
        report(
            c, TX_WARNING, "Terminology_TX_Code_ValueSet_Ext",
            arena_format(c->arena, "No code; one of the value set %.*s is expected", STR_ARG(set)));
}

static void concept_not_in_set(Check *c, const TxCoding *codings, size_t count)
{
    const TxBinding *b = c->binding;
    Str set = describe(c, b->set), codes = list_codes(c, codings, count);
    if (b->strength == TX_REQUIRED) {
        report(c, TX_ERROR, "Terminology_TX_NoValid_1_CC",
               ARENA_JOIN(c->arena, STR("No coding is in the required value set "), set,
                          STR(" (codes: "), codes, STR(")")));
    } else if (b->strength == TX_EXTENSIBLE) {
        if (b->has_max_set)
            check_max_concept(c, codings, count);
        TxFinding *f = report(
            c, TX_WARNING, "Terminology_TX_NoValid_2_CC",
            ARENA_JOIN(c->arena, STR("Not all codings are in the extensible value set "), set,
                       STR("; a code of it is expected unless it has none that fits (codes: "),
                       codes, STR(")")));
        if (f)
            f->removable = true;
    } else {
        report(c, TX_INFORMATION, "Terminology_TX_NoValid_3_CC",
               ARENA_JOIN(c->arena, STR("Not all codings are in the preferred value set "), set,
                          STR(" (codes: "), codes, STR(")")));
    }
}

bool terminology_check_concept(const Terminology *tx, const TxBinding *binding,
                               const TxReference *reference, const TxCoding *codings, size_t count,
                               Arena *arena, TxFindings *ret)
{
    Check c = start(tx, binding, reference, arena);
    bool checked = false;
    if (binding && binding->has_set && binding->set == TX_NONE) {
        report_missing_set(&c, c.reference->reference, binding->is_system);
    } else if (binding && binding->has_set && count == 0) {
        concept_without_coding(&c);
    } else if (binding && binding->has_set && binding->strength != TX_EXAMPLE) {
        checked = true;
        bool ok = ask_concept(&c, binding->set, codings, count, binding->strength);
        c.findings.withdraws =
            binding->strength == TX_REQUIRED || (ok && binding->strength == TX_EXTENSIBLE);
        if (!ok)
            concept_not_in_set(&c, codings, count);
    }
    if (!checked && count)
        ask_concept(&c, TX_NONE, codings, count, -1);
    return finish(&c, ret);
}

/* --- codings --- */

static void check_max_coding(Check *c, const TxCoding *coding)
{
    if (max_is_missing(c))
        return;
    Answer a = ask_coding(c, c->binding->max_set, coding);
    report_answer(c, &a, -1);
    if (!a.ok)
        report(c, TX_ERROR, "Terminology_TX_NoValid_10",
               arena_format(c->arena, "The coding %.*s is not in the maximum value set %.*s",
                            STR_ARG(code_name(c, coding->system, coding->code)),
                            STR_ARG(describe(c, c->binding->max_set))));
}

static void coding_not_in_set(Check *c, const TxCoding *coding)
{
    const TxBinding *b = c->binding;
    Str set = describe(c, b->set), code = code_name(c, coding->system, coding->code);
    if (b->strength == TX_REQUIRED) {
        report(c, TX_ERROR, "Terminology_TX_NoValid_12",
               arena_format(c->arena, "The coding %.*s is not in the required value set %.*s",
                            STR_ARG(code), STR_ARG(set)));
    } else if (b->strength == TX_EXTENSIBLE && b->has_max_set) {
        check_max_coding(c, coding);
    } else if (b->strength == TX_EXTENSIBLE) {
        TxFinding *f = report(
            c, TX_WARNING, "Terminology_TX_NoValid_13",
            arena_format(c->arena,
                         "The coding %.*s is not in the extensible value set %.*s; a code of it is "
                         "expected unless it has none that fits",
                         STR_ARG(code), STR_ARG(set)));
        if (f)
            f->removable = true;
    } else {
        report(c, TX_INFORMATION, "Terminology_TX_NoValid_14",
               arena_format(c->arena, "The coding %.*s is not in the preferred value set %.*s",
                            STR_ARG(code), STR_ARG(set)));
    }
}

static bool starts_any(Str s, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_starts(s, str_from(prefixes[i])))
            return true;
    return false;
}
#define STARTS_ANY(s, ...)                                                                         \
    starts_any((s), (const char *const[]){__VA_ARGS__},                                            \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* spec: hl7.org/fhir/R4/terminologies-systems.html: systems of the sid branch are external */
static bool is_known_sid(Str system)
{
    static const char *const sids[] = {"ndc",
                                       "icpc2",
                                       "icd-9",
                                       "icd-10",
                                       "cvx",
                                       "srt",
                                       "icd-10-vn",
                                       "icd-10-cm",
                                       "icd-10-am",
                                       "icd-9-cm",
                                       "ex-icd-10-procedures"};
    Str prefix = STR("http://hl7.org/fhir/sid/");
    if (!str_starts(system, prefix))
        return false;
    for (size_t i = 0; i < sizeof sids / sizeof *sids; i++)
        if (str_is(str_skip(system, prefix.len), sids[i]))
            return true;
    return false;
}

/* An HL7 system that is not loaded is a mistake; one loaded without codes only cannot be checked.
 */
static void unknown_hl7_system(Check *c, Str system, Str code)
{
    if (is_known_sid(system) || str_starts(system, STR("http://hl7.org/fhir/test")))
        return;
    if (str_ends(system, STR(".html")))
        report(c, TX_ERROR, "TERMINOLOGY_TX_SYSTEM_WRONG_HTML",
               arena_format(c->arena,
                            "The code system '%.*s' is the address of a page, not a "
                            "system's canonical url",
                            STR_ARG(system)));
    else if (terminology_system_content(c->tx, terminology_system(c->tx, system)) !=
             TX_CONTENT_NOT_PRESENT)
        report(c, TX_ERROR, "Terminology_TX_System_Unknown",
               arena_format(c->arena, "Unknown code system '%.*s'", STR_ARG(system)));
    else
        report(c, TX_WARNING, "UNKNOWN_CODESYSTEM",
               arena_format(c->arena,
                            "The code '%.*s' of '%.*s' cannot be checked: its code "
                            "system is not loaded",
                            STR_ARG(code), STR_ARG(system)));
}

static bool is_longer_than_known(Str system)
{
    static const char *const known[] = {"http://snomed.info/sct", "http://loinc.org", UCUM_URL,
                                        "http://www.nlm.nih.gov/research/umls/rxnorm"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_starts(system, str_from(known[i])) && !str_is(system, known[i]))
            return true;
    return false;
}

/* https: where the system's own url begins with http: */
static bool is_https_of_known(const Check *c, Str system)
{
    if (!str_starts(system, STR("https:")) || system.len <= 7)
        return false;
    Str plain = arena_format(c->arena, "http:%.*s", STR_ARG(str_skip(system, 6)));
    if (terminology_system_content(c->tx, terminology_system(c->tx, plain)) != TX_CONTENT_UNKNOWN)
        return true;
    return str_is(system, "https://loinc.org") || str_is(system, "https://unitsofmeasure.org") ||
           str_is(system, "https://snomed.info/sct") ||
           str_is(system, "https://www.nlm.nih.gov/research/umls/rxnorm");
}

static void unknown_other_system(Check *c, Str system)
{
    bool https = is_https_of_known(c, system);
    if (https)
        report(c, TX_ERROR, "TERMINOLOGY_TX_SYSTEM_HTTPS",
               arena_format(c->arena, "The code system '%.*s' begins with http:, not https:",
                            STR_ARG(system)));
    TxFinding *f = NULL;
    if (terminology_system_content(c->tx, terminology_system(c->tx, system)) ==
        TX_CONTENT_NOT_PRESENT)
        f = report(c, TX_INFORMATION, "TERMINOLOGY_TX_SYSTEM_NOT_USABLE",
                   arena_format(c->arena,
                                "The code system '%.*s' is known without its codes: they "
                                "cannot be checked",
                                STR_ARG(system)));
    else if (!https)
        f = report(c, TX_INFORMATION, "UNKNOWN_CODESYSTEM",
                   arena_format(c->arena,
                                "The code system '%.*s' is not loaded: its codes cannot "
                                "be checked",
                                STR_ARG(system)));
    if (f)
        f->issue_code = "unknown";
}

static void coding_of_unknown_system(Check *c, const TxCoding *coding)
{
    Str system = coding->system;
    if (STARTS_ANY(system, "http://build.fhir.org", "https://build.fhir.org"))
        report(c, TX_ERROR, "TERMINOLOGY_TX_SYSTEM_WRONG_BUILD",
               arena_format(c->arena,
                            "The code system '%.*s' is an address of the build server, not "
                            "a system's canonical url",
                            STR_ARG(system)));
    else if (STARTS_ANY(system, "http://hl7.org/fhir", "https://hl7.org/fhir",
                        "http://www.hl7.org/fhir", "https://www.hl7.org/fhir"))
        unknown_hl7_system(c, system, coding->code);
    else if (is_longer_than_known(system))
        report(c, TX_ERROR, "Terminology_TX_System_Invalid",
               arena_format(c->arena, "Invalid code system '%.*s'", STR_ARG(system)));
    else
        unknown_other_system(c, system);
}

/* Without a binding that says more: is the system one, and the code one of it? */
static void check_coding_alone(Check *c, const TxCoding *coding)
{
    Answer a = {0};
    bool supported;
    if (!STARTS_ANY(coding->system, "http:", "https:", "urn:")) {
        report(c, TX_ERROR, "Terminology_TX_System_Relative",
               STR("Coding.system is an absolute url, not a relative one"));
        return;
    }
    if (terminology_value_set(c->tx, coding->system) != TX_NONE) {
        report(c, TX_ERROR, "Terminology_TX_System_ValueSet2",
               arena_format(c->arena, "'%.*s' is a value set, a code system was expected",
                            STR_ARG(coding->system)));
        return;
    }
    ask_system(c, coding->system, terminology_system(c->tx, coding->system), coding->code, false,
               &a, &supported);
    if (!supported) {
        coding_of_unknown_system(c, coding);
        return;
    }
    if (!a.ok && a.count == 0) /* a grammar that gives no reason */
        refuse(c, &a, "Unknown code", coding->system, coding->code);
    report_answer(c, &a, -1);
}

static void check_coded(Check *c, const TxCoding *coding)
{
    const TxBinding *b = c->binding;
    if (!coding->system.ptr || !coding->code.ptr)
        return;
    if (b && b->has_set && b->set == TX_NONE) {
        report_missing_set(c, c->reference->reference, b->is_system);
    } else if (b && b->has_set && b->strength != TX_EXAMPLE) {
        Answer a = ask_coding(c, b->set, coding);
        if (b->strength != TX_EXTENSIBLE)
            report_answer(c, &a, b->strength);
        c->findings.withdraws = b->strength == TX_REQUIRED;
        if (!a.ok)
            coding_not_in_set(c, coding);
        return;
    }
    check_coding_alone(c, coding);
}

bool terminology_check_coding(const Terminology *tx, const TxBinding *binding,
                              const TxReference *reference, const TxCoding *coding, Arena *arena,
                              TxFindings *ret)
{
    Check c = start(tx, binding, reference, arena);
    if (coding->code.ptr && !coding->system.ptr)
        report(&c, TX_WARNING, "TERMINOLOGY_TX_SYSTEM_NO_CODE",
               STR("The coding has no system: without one its code has no meaning and cannot be "
                   "checked"));
    check_coded(&c, coding);
    return finish(&c, ret);
}

/* spec: ucum.org/ucum#para-6: annotations do not change what a unit means */
static void check_annotation(Check *c, const TxCoding *quantity)
{
    Str annotation = ucum_annotation(quantity->code), unit = quantity->display;
    if (!annotation.ptr)
        return;
    Str inner = str_cut(annotation, 1, annotation.len - 1);
    bool shown = false;
    for (size_t i = 0; unit.ptr && i + inner.len <= unit.len && !shown; i++)
        shown = str_eq_ignore_case(str_cut(unit, i, i + inner.len), inner);
    const char *id = !unit.ptr ? "TYPE_SPECIFIC_CHECKS_DT_QTY_UCUM_ANNOTATIONS_NO_UNIT"
                     : shown   ? "TYPE_SPECIFIC_CHECKS_DT_QTY_UCUM_ANNOTATIONS"
                               : "TYPE_SPECIFIC_CHECKS_DT_QTY_UCUM_ANNOTATIONS_NOT_IN_UNIT";
    TxFinding *f = report(c, TX_WARNING, id,
                          arena_format(c->arena,
                                       "The annotation %.*s in the UCUM code means nothing to a "
                                       "comparison of units%s",
                                       STR_ARG(annotation),
                                       shown ? "" : ", and the unit does not show it to readers"));
    if (f)
        f->issue_code = "business-rule";
}

bool terminology_check_quantity(const Terminology *tx, const TxBinding *binding,
                                const TxReference *reference, const TxCoding *coding, Arena *arena,
                                TxFindings *ret)
{
    Check c = start(tx, binding, reference, arena);
    check_coded(&c, coding);
    if (coding->code.ptr && str_is(coding->system, UCUM_URL))
        check_annotation(&c, coding);
    return finish(&c, ret);
}

/* --- codes alone --- */

static void check_max_code(Check *c, Str code)
{
    if (max_is_missing(c))
        return;
    Answer a = ask_set(c, c->binding->max_set, STR_NONE, code, true);
    report_answer(c, &a, -1);
    if (!a.ok)
        report(c, TX_ERROR, "Terminology_TX_NoValid_11",
               arena_format(c->arena, "'%.*s' is not in the maximum value set %.*s", STR_ARG(code),
                            STR_ARG(describe(c, c->binding->max_set))));
}

/* spec: hl7.org/fhir/R4/fhirpath.html#types: ElementDefinition.type.code names these, too. */
static bool is_system_type(Str code)
{
    return str_starts(code, STR("http://hl7.org/fhirpath/System."));
}

static void code_not_in_set(Check *c, Str code)
{
    const TxBinding *b = c->binding;
    if (b->strength == TX_EXTENSIBLE && is_system_type(code))
        return;
    Str set = describe(c, b->set);
    if (b->strength == TX_REQUIRED) {
        report(c, TX_ERROR, "Terminology_TX_NoValid_16",
               arena_format(c->arena, "'%.*s' is not in the required value set %.*s", STR_ARG(code),
                            STR_ARG(set)));
    } else if (b->strength == TX_EXTENSIBLE && b->has_max_set) {
        check_max_code(c, code);
    } else if (b->strength == TX_EXTENSIBLE) {
        TxFinding *f =
            report(c, TX_WARNING, "Terminology_TX_NoValid_17",
                   arena_format(c->arena,
                                "'%.*s' is not in the extensible value set %.*s; a code of it is "
                                "expected unless it has none that fits",
                                STR_ARG(code), STR_ARG(set)));
        if (f)
            f->removable = true;
    } else {
        report(c, TX_INFORMATION, "Terminology_TX_NoValid_18",
               arena_format(c->arena, "'%.*s' is not in the preferred value set %.*s",
                            STR_ARG(code), STR_ARG(set)));
    }
}

bool terminology_check_code(const Terminology *tx, const TxBinding *binding,
                            const TxReference *reference, Str code, Arena *arena, TxFindings *ret)
{
    Check c = start(tx, binding, reference, arena);
    if (binding && binding->has_set && binding->set == TX_NONE) {
        report_missing_set(&c, c.reference->reference, binding->is_system);
    } else if (binding && binding->has_set && binding->strength != TX_EXAMPLE) {
        Answer a = ask_set(&c, binding->set, STR_NONE, code, true);
        if (binding->strength == TX_REQUIRED)
            report_answer(&c, &a, binding->strength);
        c.findings.withdraws = binding->strength == TX_REQUIRED;
        if (!a.ok)
            code_not_in_set(&c, code);
    }
    return finish(&c, ret);
}

/* --- at compile time --- */

TxBinding terminology_bind(const Terminology *tx, Str reference, TxStrength strength,
                           Str max_reference)
{
    TxBinding b = {.set = terminology_value_set(tx, reference),
                   .max_set = terminology_value_set(tx, max_reference),
                   .strength = (uint8_t)strength,
                   .has_set = reference.len > 0,
                   .has_max_set = max_reference.len > 0};
    b.is_system =
        b.has_set && b.set == TX_NONE &&
        terminology_system_content(tx, terminology_system(tx, reference)) != TX_CONTENT_UNKNOWN;
    return b;
}
