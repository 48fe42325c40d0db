#include "common/base/check.h"
#include "common/fhir/decimal.h"
#include "tests/fuzz/target.h"

/* Two numbers, parted by a space: every operation ends, and what is printed reads back equal. */
static void check_print(Decimal d, Arena *arena)
{
    Decimal again;
    Str text = decimal_print(d, arena);
    if (text.ptr && text.len <= DECIMAL_DIGITS_MAX)
        CHECK(decimal_parse(text, arena, &again) && decimal_equal(again, d));
}

static void check_unary(Decimal a, Arena *arena)
{
    static bool (*const unary[])(Decimal, Arena *, Decimal *) = {
        decimal_ceiling, decimal_floor, decimal_truncate, decimal_sqrt, decimal_exp, decimal_ln};
    Decimal r, low;
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++)
        if (unary[i](a, arena, &r))
            check_print(r, arena);
    if (decimal_low_boundary(a, 16, arena, &low) && decimal_high_boundary(a, 16, arena, &r))
        CHECK(decimal_compare(low, r) <= 0);
    (void)decimal_hash(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const binary[])(Decimal, Decimal, Arena *, Decimal *) = {
        decimal_add,         decimal_subtract, decimal_multiply, decimal_divide, decimal_div,
        decimal_divide_java, decimal_mod,      decimal_log,      decimal_power};
    ARENA_AUTO arena = arena_new(1 << 20);
    Str text = {(const char *)data, size};
    size_t space = str_find_char(text, ' ');
    Decimal a, b = {.small = 3}, r;
    if (!decimal_parse(str_cut(text, 0, space), arena, &a))
        return 0;
    if (space < text.len && !decimal_parse(str_skip(text, space + 1), arena, &b))
        return 0;
    check_print(a, arena);
    check_unary(a, arena);
    CHECK(decimal_compare(a, b) == -decimal_compare(b, a));
    (void)decimal_equivalent(a, b);
    for (size_t i = 0; i < sizeof binary / sizeof *binary; i++)
        if (binary[i](a, b, arena, &r))
            check_print(r, arena);
    return 0;
}
