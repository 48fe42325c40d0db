#include "common/envelope/uuid.h"

#include <gnutls/crypto.h>
#include <sys/random.h>
#include <time.h>

#include "common/base/check.h"

enum { UUID_BYTES = 16 };

static Uuid uuid_text(const unsigned char bytes[UUID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    Uuid uuid;
    char *out = uuid.text;
    for (int i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
    return uuid;
}

/* spec: RFC 9562 section 5.7, and 6.2 method 1: rand_a is a counter within the millisecond, so that
 * the ids of one thread sort as they were made. */
Uuid uuid_v7(void)
{
    static _Thread_local uint64_t last_ms;
    static _Thread_local uint32_t counter;
    unsigned char bytes[UUID_BYTES];
    struct timespec now;
    ssize_t got = getrandom(bytes, sizeof bytes, 0);
    CHECK(got == (ssize_t)sizeof bytes);
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (ms <= last_ms && counter < 0xfff) {
        ms = last_ms;
        counter++;
    } else {
        ms = ms <= last_ms ? last_ms + 1 : ms;
        counter = bytes[7]; /* room to count up, and not always from 0 */
    }
    last_ms = ms;
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
    bytes[6] = (unsigned char)(0x70 | (counter >> 8));
    bytes[7] = (unsigned char)counter;
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f));
    return uuid_text(bytes);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool uuid_read(Str text, unsigned char ret_bytes[UUID_BYTES])
{
    size_t nibble = 0;
    if (text.len != UUID_TEXT_BYTES)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.ptr[i] != '-')
                return false;
            continue;
        }
        int value = hex_value(text.ptr[i]);
        if (value < 0)
            return false;
        unsigned char *byte = &ret_bytes[nibble / 2];
        *byte = (unsigned char)(nibble % 2 ? *byte | value : value << 4);
        nibble++;
    }
    return true;
}

bool uuid_valid(Str text)
{
    unsigned char bytes[UUID_BYTES];
    return uuid_read(text, bytes);
}

/* spec: RFC 9562 section 5.5. A parent that is no UUID counts as its text. */
Uuid uuid_v5(Str parent, Str name)
{
    unsigned char space[UUID_BYTES], hash[20];
    gnutls_hash_hd_t sha1;
    int failed = gnutls_hash_init(&sha1, GNUTLS_DIG_SHA1);
    CHECK(failed == 0);
    if (uuid_read(parent, space))
        gnutls_hash(sha1, space, sizeof space);
    else
        gnutls_hash(sha1, parent.ptr, parent.len);
    gnutls_hash(sha1, name.ptr, name.len);
    gnutls_hash_deinit(sha1, hash);
    hash[6] = (unsigned char)(0x50 | (hash[6] & 0x0f));
    hash[8] = (unsigned char)(0x80 | (hash[8] & 0x3f));
    return uuid_text(hash);
}
