#include "common/destinations/secret.h"

#include <fcntl.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/check.h"

bool secret_path(const char *folder, Str name, char ret_path[SECRET_PATH_MAX], Err *err)
{
    bool whole = str_starts(name, STR("/"));
    int len = whole ? snprintf(ret_path, SECRET_PATH_MAX, "%.*s", STR_ARG(name))
                    : snprintf(ret_path, SECRET_PATH_MAX, "%s/%.*s", folder, STR_ARG(name));
    if (!name.len || len >= SECRET_PATH_MAX)
        return ERR(err, ERR_RETRY, "secret-file", "no usable name");
    return true;
}

bool secret_read(const char *folder, Str name, Arena *arena, Str *ret_secret, Err *err)
{
    char path[SECRET_PATH_MAX], bytes[DESTINATION_SECRET_MAX + 1];
    TRY(secret_path(folder, name, path, err));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (fd >= 0)
        close(fd);
    Str text = len < 0 ? STR_NONE : str_trim((Str){bytes, (size_t)len});
    if (len < 0 || len > DESTINATION_SECRET_MAX || text.len == 0)
        return ERR(err, ERR_RETRY, "secret-file", "%s cannot be read, is empty, or is too long",
                   path);
    *ret_secret = arena_copy(arena, text);
    explicit_bzero(bytes, sizeof bytes);
    return ret_secret->ptr || ERR(err, ERR_RETRY, "secret-file", "no memory");
}

bool secret_equal(Str a, Str b)
{
    unsigned char different = a.len != b.len;
    for (size_t i = 0; i < a.len && b.len; i++)
        different |= (unsigned char)(a.ptr[i] ^ b.ptr[i % b.len]);
    return !different && a.len > 0;
}

bool secret_signed(Str secret, const Str *parts, size_t count, Str hex)
{
    unsigned char digest[32];
    char text[2 * sizeof digest + 1];
    gnutls_hmac_hd_t hmac;
    CHECK(gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, secret.ptr, secret.len) == 0);
    for (size_t i = 0; i < count; i++)
        if (parts[i].len)
            gnutls_hmac(hmac, parts[i].ptr, parts[i].len);
    gnutls_hmac_deinit(hmac, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return secret.len > 0 && secret_equal(hex, (Str){text, sizeof text - 1});
}
