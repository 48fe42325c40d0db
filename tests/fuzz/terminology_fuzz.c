#include "common/base/check.h"
#include "services/validator/engine/terminology/terminology.h"
#include "tests/fuzz/target.h"

/* A damaged table is refused, or answers without harm. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const codes[] = {"red", "Round", "a", "mg", "en-US", "zz", ""};
    static const char *const urls[] = {"http://example.org/cs/colour",
                                       "http://example.org/cs/shape", "urn:strange",
                                       "http://unitsofmeasure.org"};
    char *copy = aligned_alloc(8, size / 8 * 8 + 8);
    CHECK(copy);
    memcpy(copy, data, size);
    ARENA_AUTO arena = arena_new(1 << 20);
    Terminology tx;
    TxFindings findings;
    if (terminology_open((Str){copy, size}, &tx, NULL))
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
            for (size_t j = 0; j < sizeof urls / sizeof *urls; j++) {
                TxCode code;
                TxCoding coding = {.system = str_from(urls[j]), .code = str_from(codes[i])};
                TxBinding binding = terminology_bind(&tx, STR("http://example.org/vs/mixed"),
                                                     (TxStrength)(i % 4), STR_NONE);
                (void)terminology_lookup(&tx, coding.system, coding.code, &code);
                (void)terminology_subsumed(&tx, coding.system, coding.code, STR("warm"));
                (void)!terminology_check_concept(&tx, &binding, NULL, &coding, 1, arena, &findings);
                (void)!terminology_check_code(&tx, &binding, NULL, coding.code, arena, &findings);
            }
    free(copy);
    return 0;
}
