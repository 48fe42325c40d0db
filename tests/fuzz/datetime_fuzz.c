#include "common/base/check.h"
#include "common/fhir/datetime.h"
#include "tests/fuzz/target.h"

/* First byte: what is added. The rest: a date in any form; what is printed reads back equal. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[DATETIME_TEXT_MAX];
    DateTime d, again;
    if (size == 0)
        return 0;
    Str rest = {(const char *)data + 1, size - 1};
    for (int kind = DATETIME_DATE; kind <= DATETIME_TIME; kind++)
        if (datetime_parse_fhir((DateTimeKind)kind, rest, &d, NULL)) {
            CHECK(datetime_parse_fhir((DateTimeKind)kind, datetime_print(&d, text), &again, NULL));
            CHECK(datetime_compare(&d, &again, DATETIME_NO_OFFSET) == DATETIME_EQUAL);
        }
    if (!datetime_parse_literal(rest, &d, NULL))
        return 0;
    int64_t amount = ((int64_t)data[0] - 128) * ((int64_t)1 << (data[0] % 56));
    for (int unit = DATETIME_YEARS; unit <= DATETIME_MILLISECONDS; unit++)
        if (datetime_add(&d, amount, (DateTimeUnit)unit, &again))
            CHECK(again.month >= 1 && again.month <= 12 && again.day >= 1 &&
                  again.day <= datetime_days_in_month(again.year, again.month));
    DateTime low, high;
    if (datetime_low_boundary(&d, -1, &low) && datetime_high_boundary(&d, -1, &high))
        CHECK(datetime_compare(&low, &high, DATETIME_NO_OFFSET) != DATETIME_GREATER);
    return 0;
}
