#include "common/base/check.h"
#include "common/json/json.h"
#include "tests/fuzz/target.h"

/* Whatever is read keeps its promises: children lie inside their parents, in order. */
static void check_node(const JsonDoc *doc, const JsonNode *node)
{
    CHECK(node->at < node->end && node->end <= doc->source.len);
    uint32_t count = 0;
    JSON_EACH(doc, child, node)
    {
        CHECK(json_parent(doc, child) == node && child->index == count);
        CHECK(child->at > node->at && child->end < node->end);
        count++;
    }
    CHECK(count == node->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new(16 * 1024 * 1024);
    JsonDoc doc;
    JsonPosition at;
    Err err = {0};
    if (!json_read((Str){(const char *)data, size}, NULL, NULL, arena, &doc, &at, &err)) {
        CHECK(err.code && at.line > 0 && at.column > 0);
        return 0;
    }
    for (uint32_t i = 0; i < doc.count; i++)
        check_node(&doc, &doc.nodes[i]);
    return 0;
}
