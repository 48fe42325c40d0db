/* Objects about callers: the first byte is the kind. What is read can be written and read again,
 * and be shown and given back. */
#include "common/auth/objects.h"
#include "common/base/check.h"
#include "tests/fuzz/target.h"

static void ask(const Caller *caller)
{
    for (Permission p = 0; p < PERMISSION_COUNT; p++) {
        Str only = caller_only_tenant(caller, p);
        CHECK(!only.ptr || !str_is(only, "*"));
        CHECK(!caller_may(caller, p, STR("*"), STR_NONE) &&
              !caller_may(caller, p, STR(""), STR_NONE));
        CHECK(!caller_may_for_all(caller, p) || caller_may(caller, p, STR("any"), STR_NONE));
    }
    (void)caller_may_send(caller, STR("hl7v2:ADT^A01"));
}

/* Shown without what is hidden, and given back as it was shown: nothing changes. */
static void check_shown(AuthKind kind, void *shown, const void *before, Str whole)
{
    void *after = NULL;
    Err err = {0};
    BUF_AUTO text, again;
    buf_init(&text, 64 << 20);
    buf_init(&again, 64 << 20);
    auth_write_shown(kind, shown, &text);
    CHECK(auth_read_over(kind, STR("name"), buf_str(&text), before, &after, &err));
    auth_write(kind, after, &again);
    CHECK(str_eq(buf_str(&again), whole));
    auth_free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *object = NULL, *again = NULL;
    Err err = {0};
    BUF_AUTO first, second;
    buf_init(&first, 64 << 20);
    buf_init(&second, 64 << 20);
    if (size == 0)
        return 0;
    AuthKind kind = (AuthKind)(data[0] % AUTH_KIND_COUNT);
    if (!auth_read(kind, STR("name"), (Str){(const char *)data + 1, size - 1}, &object, &err)) {
        CHECK(err.kind == ERR_INPUT && err.text[0]);
        return 0;
    }
    if (kind == AUTH_CALLERS)
        ask(object);
    auth_write(kind, object, &first);
    CHECK(auth_read(kind, STR("name"), buf_str(&first), &again, &err));
    auth_write(kind, again, &second);
    CHECK(str_eq(buf_str(&first), buf_str(&second)));
    check_shown(kind, again, object, buf_str(&first));
    auth_free(object);
    auth_free(again);
    return 0;
}
