#include "common/fhir/au_identifier.h"

static const struct {
    const char *system, *name, *prefix;
} kinds[] = {
    [AU_IDENTIFIER_NONE] = {"",                                                              "identifier", ""      },
    [AU_IDENTIFIER_MEDICARE] = {"http://ns.electronichealth.net.au/id/medicare-number",
                            "Medicare card number",                                                        ""      },
    [AU_IDENTIFIER_PROVIDER] = {"http://ns.electronichealth.net.au/id/medicare-provider-number",
                            "Medicare provider number",                                                    ""      },
    [AU_IDENTIFIER_IHI] = {"http://ns.electronichealth.net.au/id/hi/ihi/1.0",               "IHI",        "800360"},
    [AU_IDENTIFIER_HPII] = {"http://ns.electronichealth.net.au/id/hi/hpii/1.0",              "HPI-I",      "800361"},
    [AU_IDENTIFIER_HPIO] = {"http://ns.electronichealth.net.au/id/hi/hpio/1.0",              "HPI-O",      "800362"},
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

AuIdentifier au_identifier_of_system(Str system)
{
    for (int kind = AU_IDENTIFIER_MEDICARE; kind < KIND_COUNT; kind++)
        if (str_is(system, kinds[kind].system))
            return (AuIdentifier)kind;
    return AU_IDENTIFIER_NONE;
}

const char *au_identifier_name(AuIdentifier kind)
{
    return kinds[kind].name;
}

static bool all_digits(Str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

static unsigned digit(Str s, size_t i)
{
    return (unsigned)(s.ptr[i] - '0');
}

static unsigned weigh(Str s, const unsigned *weights, size_t count)
{
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += digit(s, i) * weights[i];
    return sum;
}

/* Card (8 digits), check digit, issue number, and possibly the person's number on the card. */
static const char *medicare_problem(Str value)
{
    static const unsigned weights[] = {1, 3, 7, 9, 1, 3, 7, 9};
    if (!all_digits(value) || (value.len != 10 && value.len != 11))
        return "it has 10 digits, or 11 with the individual reference number";
    if (value.ptr[0] < '2' || value.ptr[0] > '6')
        return "its first digit is 2 to 6";
    if (weigh(value, weights, 8) % 10 != digit(value, 8))
        return "the check digit is wrong";
    if (value.ptr[9] == '0')
        return "its issue number (the tenth digit) is not 0";
    return NULL;
}

/* Stem (6 digits), practice location, check character. */
static const char *provider_problem(Str value)
{
    static const unsigned weights[] = {3, 5, 8, 4, 2, 1};
    static const char locations[] = "0123456789ABCDEFGHJKLMNPQRTUVWXY";
    static const char checks[] = "YXWTLKJHFBA";
    enum { STEM = 6, LOCATION_WEIGHT = 6 };
    if (value.len != STEM + 2 || !all_digits(str_cut(value, 0, STEM)))
        return "it has six digits, a location character and a check character";
    const char *location = memchr(locations, value.ptr[STEM], sizeof locations - 1);
    if (!location)
        return "its location character is not one of 0-9, A-Y without I, O, S";
    unsigned sum = weigh(value, weights, STEM) + (unsigned)(location - locations) * LOCATION_WEIGHT;
    return checks[sum % (sizeof checks - 1)] == value.ptr[STEM + 1]
               ? NULL
               : "the check character is wrong";
}

/* spec: ISO/IEC 7812-1 annex B: every second digit from the right is doubled */
static bool passes_luhn(Str digits)
{
    unsigned sum = 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned d = digit(digits, digits.len - 1 - i) << (i % 2);
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

static const char *healthcare_problem(AuIdentifier kind, Str value)
{
    enum { HEALTHCARE_DIGITS = 16 };
    if (value.len != HEALTHCARE_DIGITS || !all_digits(value))
        return "it has 16 digits";
    if (!str_starts(value, str_from(kinds[kind].prefix)))
        return kind == AU_IDENTIFIER_IHI    ? "it begins with 800360"
               : kind == AU_IDENTIFIER_HPII ? "it begins with 800361"
                                            : "it begins with 800362";
    return passes_luhn(value) ? NULL : "the check digit is wrong";
}

bool au_identifier_valid(AuIdentifier kind, Str value, const char **ret_why)
{
    const char *why = kind == AU_IDENTIFIER_NONE       ? NULL
                      : kind == AU_IDENTIFIER_MEDICARE ? medicare_problem(value)
                      : kind == AU_IDENTIFIER_PROVIDER ? provider_problem(value)
                                                       : healthcare_problem(kind, value);
    if (why && ret_why)
        *ret_why = why;
    return !why;
}
