/* Documents shown without being readable: the same length and lines, JSON stays JSON of the same
 * shape. Of lines nothing past ASCII is left. The first byte chooses JSON or lines. */
#include "common/base/check.h"
#include "common/json/json.h"
#include "services/ingest/diagnostics/mask.h"
#include "tests/fuzz/target.h"

static void check_shape(Str document, Str masked, Arena *arena)
{
    JsonDoc before, after;
    Err err = {0};
    if (!json_read(document, NULL, NULL, arena, &before, NULL, &err))
        return;
    CHECK(json_read(masked, NULL, NULL, arena, &after, NULL, &err));
    CHECK(before.count == after.count);
    for (uint32_t i = 0; i < before.count; i++)
        CHECK(before.nodes[i].kind == after.nodes[i].kind &&
              before.nodes[i].at == after.nodes[i].at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new((size_t)64 << 20);
    BUF_AUTO out;
    buf_init(&out, size + 1);
    if (size == 0)
        return 0;
    Str document = {(const char *)data + 1, size - 1};
    bool is_json = data[0] % 2;
    mask_add(&out, document, is_json);
    CHECK(!out.overflowed && out.len == document.len);
    for (size_t i = 0; i < document.len; i++)
        CHECK((document.ptr[i] == '\n') == (out.data[i] == '\n') &&
              (is_json || (unsigned char)out.data[i] < 0x80));
    if (is_json)
        check_shape(document, buf_str(&out), arena);
    return 0;
}
