/* Header fields, a line each: what passes ends in exactly one way. */
#include "common/base/check.h"
#include "common/http/framing.h"
#include "tests/fuzz/target.h"

enum { FIELDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FramingField fields[FIELDS_MAX];
    size_t count = 0, lengths = 0, encodings = 0;
    Str rest = {(const char *)data, size}, line;
    while (count < FIELDS_MAX && str_split(&rest, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        fields[count++] =
            (FramingField){str_cut(line, 0, colon),
                           str_trim(str_skip(line, colon < line.len ? colon + 1 : colon))};
        lengths += str_eq_ignore_case(fields[count - 1].name, STR("content-length"));
        encodings += str_eq_ignore_case(fields[count - 1].name, STR("transfer-encoding"));
    }
    FramingLimits limits = {50, 4096};
    Framing framing = framing_check(STR("HTTP/1.1"), fields, count, &limits);
    if (framing.status)
        CHECK(framing.code && framing.text);
    else
        CHECK(lengths + encodings <= 1 && framing.has_length == (lengths == 1) &&
              framing.chunked == (encodings == 1));
    return 0;
}
