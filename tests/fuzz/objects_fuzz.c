/* Records of the topic of administration and destinations. The first byte chooses. A record that
 * is read can be written and read again; a destination that is read sends nothing in the clear but
 * to this machine, and names no file with a path. */
#include <string.h>

#include "common/base/check.h"
#include "common/catalog/object.h"
#include "common/destinations/destination.h"
#include "tests/fuzz/target.h"

static void read_object(Str bytes)
{
    const Str key = STR("rules/nyec");
    CatalogObject *object = NULL, *again = NULL;
    Err err = {0};
    BUF_AUTO out;
    buf_init(&out, (size_t)16 << 20);
    if (!object_read(key, bytes, &object, &err)) {
        CHECK(err.kind == ERR_INPUT && err.code && err.text[0]);
        return;
    }
    CHECK(str_eq(object->id, key) && str_is(object->name, "nyec") && object->data.len > 0);
    ObjectDraft draft = {.id = object->id,
                         .version = object->version,
                         .published_us = object->published_us,
                         .published_by = object->published_by,
                         .comment = object->comment,
                         .data = object->data};
    CHECK(object_write(&draft, &out, &err));
    /* Escapes may make it longer than a record may be. */
    if (out.len <= OBJECT_BYTES_MAX) {
        CHECK(object_read(key, buf_str(&out), &again, &err));
        CHECK(strcmp(object->stamp, again->stamp) == 0 && str_eq(object->data, again->data));
        CHECK(str_eq(object->comment, again->comment));
        object_free(again);
    }
    object_free(object);
}

static bool is_private(Str url)
{
    return str_starts(url, STR("https://")) || str_starts(url, STR("http://127.0.0.1")) ||
           str_starts(url, STR("http://localhost")) || str_starts(url, STR("http://[::1]"));
}

static bool is_plain_name(Str file)
{
    return !file.len || (!memchr(file.ptr, '/', file.len) && !str_is(file, ".."));
}

static void read_destination(Str bytes)
{
    Destination *d = NULL;
    Err err = {0};
    if (!destination_read(STR("lake"), bytes, &d, &err)) {
        CHECK(err.kind == ERR_INPUT && err.code && err.text[0]);
        return;
    }
    CHECK(is_private(d->url) && (!d->token_url.len || is_private(d->token_url)));
    for (size_t i = 0; i < d->other_urls.count; i++)
        CHECK(is_private(d->other_urls.list[i]) && destination_allows(d, d->other_urls.list[i]));
    CHECK(is_plain_name(d->api_key_file) && is_plain_name(d->client_secret_file));
    CHECK(is_plain_name(d->ca_file) && is_plain_name(d->cert_file) && is_plain_name(d->key_file));
    CHECK(destination_allows(d, d->url) && destination_same_origin(d, d->url));
    (void)destination_names(d, STR("tenant"));
    destination_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    Str rest = {(const char *)data + 1, size - 1};
    if (data[0] % 2)
        read_destination(rest);
    else
        read_object(rest);
    return 0;
}
