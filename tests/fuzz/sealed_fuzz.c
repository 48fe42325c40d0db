/* What we sealed and somebody else kept: session cookies (common/auth/seal), stored documents
 * (common/vault). Nothing opens but what was sealed, whole, under the same key and for the same
 * purpose. The first byte chooses; the rest is what comes back, or what is sealed and then damaged.
 */
#include <string.h>

#include "common/auth/seal.h"
#include "common/base/check.h"
#include "common/vault/aead.h"
#include "common/vault/vault.h"
#include "tests/fuzz/target.h"

#define SECRET STR("0123456789abcdef0123456789abcdef")
static const unsigned char key[DATA_KEY_BYTES] = "a key of thirty-two bytes.......";

/* Two bytes say which byte of `text` changes, and by what. */
static Str damaged(Str text, Str how, Arena *arena)
{
    char *copy = arena_alloc(arena, text.len + 1);
    CHECK(copy);
    memcpy(copy, text.ptr, text.len);
    copy[(unsigned char)how.ptr[0] % text.len] ^= how.ptr[1];
    return (Str){copy, text.len};
}

static void seal_small(Str text, Arena *arena)
{
    Str opened = STR("untouched");
    if (text.len > SEAL_BYTES_MAX)
        return;
    Str sealed = seal_close(SECRET, "fuzz", text, arena);
    CHECK(seal_open(SECRET, "fuzz", sealed, arena, &opened) && str_eq(opened, text));
    CHECK(!seal_open(SECRET, "another", sealed, arena, &opened));
    if (text.len >= 2 && text.ptr[1])
        CHECK(!seal_open(SECRET, "fuzz", damaged(sealed, text, arena), arena, &opened));
}

static void seal_stored(Str text, Arena *arena)
{
    char *sealed = arena_alloc(arena, text.len + AEAD_MORE);
    char *opened = arena_alloc(arena, text.len + 1);
    CHECK(sealed && opened && aead_seal(key, STR("whose"), text, sealed));
    Str whole = {sealed, text.len + AEAD_MORE};
    CHECK(aead_open(key, STR("whose"), whole, opened));
    CHECK(text.len == 0 || memcmp(opened, text.ptr, text.len) == 0);
    CHECK(!aead_open(key, STR("other"), whole, opened));
    if (text.len >= 2 && text.ptr[1])
        CHECK(!aead_open(key, STR("whose"), damaged(whole, text, arena), opened));
}

static void open_stored(Str bytes, Arena *arena)
{
    Str opened = STR_NONE;
    Err err = {0};
    char *to = arena_alloc(arena, bytes.len + 1);
    CHECK(to && !aead_open(key, STR("whose"), bytes, to));
    bool fine =
        vault_unseal(NULL, VAULT_ONE(VAULT_PAYLOAD), STR("01a205d6-1996-7097-8acb-603d3ea9a8bc"),
                     bytes, arena, &opened, &err);
    CHECK(fine != vault_is_sealed(bytes) && (!fine || str_eq(opened, bytes)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new((size_t)16 << 20);
    Str rest = {(const char *)data + 1, size ? size - 1 : 0}, text = STR("untouched");
    if (size == 0)
        return 0;
    switch (data[0] % 4) {
    case 0:
        CHECK(!seal_open(SECRET, "fuzz", rest, arena, &text) && str_is(text, "untouched"));
        break;
    case 1:
        seal_small(rest, arena);
        break;
    case 2:
        seal_stored(rest, arena);
        break;
    default:
        open_stored(rest, arena);
    }
    return 0;
}
