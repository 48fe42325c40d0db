#include "common/base/check.h"
#include "common/fhir/ucum.h"
#include "tests/fuzz/target.h"

/* A code that parses is valid, and equals itself. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new(4 << 20);
    Str code = {(const char *)data, size};
    UcumUnit unit;
    UcumProblem problem = {0};
    bool valid = ucum_valid(code, &problem);
    CHECK(valid || (problem.text && problem.at <= size));
    if (!ucum_parse(code, arena, &unit, &problem))
        return 0;
    CHECK(valid && ucum_canonical_code(&unit, arena).ptr);
    int order = 1;
    Decimal value = {.small = 125, .scale = 2};
    if (ucum_compare(value, &unit, value, &unit, arena, &order))
        CHECK(order == 0);
    return 0;
}
