#include "common/fhir/au_identifier.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants these first */
#include <cmocka.h>

typedef struct Case {
    AuIdentifier kind;
    const char *value;
    const char *why; /* NULL: valid */
} Case;

static void check_cases(const Case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *why = NULL;
        bool valid = au_identifier_valid(cases[i].kind, str_from(cases[i].value), &why);
        if (valid != !cases[i].why)
            fail_msg("%s: %s", cases[i].value, why ? why : "valid");
        if (cases[i].why)
            assert_string_equal(why, cases[i].why);
    }
}

static void knows_medicare_numbers(void **state)
{
    (void)state;
    static const Case cases[] = {
        {AU_IDENTIFIER_MEDICARE, "2123456701",   NULL                                         },
        {AU_IDENTIFIER_MEDICARE, "21234567011",  NULL                                         },
        {AU_IDENTIFIER_MEDICARE, "4888825701",   "the check digit is wrong"                   },
        {AU_IDENTIFIER_MEDICARE, "2123456711",   "the check digit is wrong"                   },
        {AU_IDENTIFIER_MEDICARE, "2123456700",   "its issue number (the tenth digit) is not 0"},
        {AU_IDENTIFIER_MEDICARE, "7123456701",   "its first digit is 2 to 6"                  },
        {AU_IDENTIFIER_MEDICARE, "2123 45670 1",
         "it has 10 digits, or 11 with the individual reference number"                       },
        {AU_IDENTIFIER_MEDICARE, "",
         "it has 10 digits, or 11 with the individual reference number"                       }
    };
    check_cases(cases, sizeof cases / sizeof *cases);
}

static void knows_provider_numbers(void **state)
{
    (void)state;
    static const Case cases[] = {
        {AU_IDENTIFIER_PROVIDER, "4024742F", NULL                          },
        {AU_IDENTIFIER_PROVIDER, "4024742A", "the check character is wrong"},
        {AU_IDENTIFIER_PROVIDER, "4034742F", "the check character is wrong"},
        {AU_IDENTIFIER_PROVIDER, "402474IF",
         "its location character is not one of 0-9, A-Y without I, O, S"   },
        {AU_IDENTIFIER_PROVIDER, "40247F",
         "it has six digits, a location character and a check character"   }
    };
    check_cases(cases, sizeof cases / sizeof *cases);
}

static void knows_healthcare_identifiers(void **state)
{
    (void)state;
    static const Case cases[] = {
        {AU_IDENTIFIER_IHI,  "8003608833357361", NULL                      },
        {AU_IDENTIFIER_HPII, "8003619900015717", NULL                      },
        {AU_IDENTIFIER_HPIO, "8003621566684455", NULL                      },
        {AU_IDENTIFIER_IHI,  "8003608833357362", "the check digit is wrong"},
        {AU_IDENTIFIER_IHI,  "8003619900015717", "it begins with 800360"   },
        {AU_IDENTIFIER_HPIO, "800362156668445",  "it has 16 digits"        },
        {AU_IDENTIFIER_NONE, "anything",         NULL                      }
    };
    check_cases(cases, sizeof cases / sizeof *cases);
}

static void finds_the_kind_by_system(void **state)
{
    (void)state;
    assert_int_equal(
        au_identifier_of_system(STR("http://ns.electronichealth.net.au/id/hi/ihi/1.0")),
        AU_IDENTIFIER_IHI);
    assert_int_equal(au_identifier_of_system(STR("http://example.org")), AU_IDENTIFIER_NONE);
    assert_int_equal(au_identifier_of_system(STR_NONE), AU_IDENTIFIER_NONE);
}

/* A changed digit is always found out. */
static void finds_every_single_error(void **state)
{
    (void)state;
    static const char valid[] = "8003608833357361";
    char text[16];
    for (size_t i = 6; i < 16; i++)
        for (char c = '0'; c <= '9'; c++) {
            memcpy(text, valid, 16);
            text[i] = c;
            assert_int_equal(au_identifier_valid(AU_IDENTIFIER_IHI, (Str){text, 16}, NULL),
                             c == valid[i]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_medicare_numbers),       cmocka_unit_test(knows_provider_numbers),
        cmocka_unit_test(knows_healthcare_identifiers), cmocka_unit_test(finds_the_kind_by_system),
        cmocka_unit_test(finds_every_single_error),
    };
    return cmocka_run_group_tests_name("au_identifier", tests, NULL, NULL);
}
