/* Bytes of a connection -> watched lines: what comes through whole comes through in any pieces. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/http/lines.h"
#include "tests/fuzz/target.h"

enum { BYTES_MAX = 4096 };

static bool untouched(const uint8_t *data, size_t size, size_t step)
{
    static char bytes[BYTES_MAX];
    HttpLines lines = {0};
    memcpy(bytes, data, size);
    for (size_t at = 0; at < size; at += step)
        if (!http_lines_pass(&lines, bytes + at, size - at < step ? size - at : step))
            return false;
    return memcmp(bytes, data, size) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > BYTES_MAX)
        return 0;
    size_t step = data[0] % 31 + 1;
    bool whole = untouched(data + 1, size - 1, size - 1);
    CHECK(whole == untouched(data + 1, size - 1, step));
    return 0;
}
