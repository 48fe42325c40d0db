/* Keys in a folder. They are read when they are used: a new one is there without a restart. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/vault/aead.h"

enum { FILE_MAX = 200, PATH_BYTES = 4096 };

bool kms_name_valid(Str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (i && strchr("._-", c));
        if (!fine)
            return false;
    }
    return name.len > 0 && name.len <= KMS_NAME_MAX;
}

static bool read_file(const char *folder, const char *name, const char *ending,
                      char ret_text[FILE_MAX], size_t *ret_len, Err *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, ending);
    FILE *file = fopen(path, "re");
    if (!file)
        return ERR(err, ERR_FATAL, "payload-key-missing", "there is no %s%s in the folder of keys",
                   name, ending);
    *ret_len = fread(ret_text, 1, FILE_MAX, file);
    fclose(file);
    return true;
}

static bool read_hex(const char *text, size_t len, unsigned char ret_key[DATA_KEY_BYTES])
{
    while (len && strchr("\r\n ", text[len - 1]))
        len--;
    if (len != 2 * DATA_KEY_BYTES)
        return false;
    for (size_t i = 0; i < DATA_KEY_BYTES; i++) {
        const char two[3] = {text[2 * i], text[2 * i + 1], 0};
        if (!isxdigit((unsigned char)two[0]) || !isxdigit((unsigned char)two[1]))
            return false;
        unsigned long byte = strtoul(two, NULL, 16);
        ret_key[i] = (unsigned char)byte;
    }
    return true;
}

static bool read_key(const char *folder, const char *name, unsigned char ret_key[DATA_KEY_BYTES],
                     Err *err)
{
    char text[FILE_MAX];
    size_t len;
    TRY(read_file(folder, name, ".key", text, &len, err));
    bool raw = len == DATA_KEY_BYTES;
    if (raw)
        memcpy(ret_key, text, DATA_KEY_BYTES);
    bool fine = raw || read_hex(text, len, ret_key);
    explicit_bzero(text, sizeof text);
    return fine || ERR(err, ERR_FATAL, "payload-key-wrong",
                       "%s.key holds neither 32 bytes nor 64 hexadecimal digits", name);
}

static bool active(void *self, char ret_name[KMS_NAME_MAX + 1], Err *err)
{
    char text[FILE_MAX];
    size_t len;
    TRY(read_file(self, "active", "", text, &len, err));
    Str name = str_trim((Str){text, len});
    if (!kms_name_valid(name))
        return ERR(err, ERR_FATAL, "payload-key-missing", "the file active names no key");
    memcpy(ret_name, name.ptr, name.len);
    ret_name[name.len] = '\0';
    return true;
}

static bool wrap(void *self, const char *name, const unsigned char key[DATA_KEY_BYTES],
                 Arena *arena, Str *ret_wrapped, Err *err)
{
    unsigned char wrapping[DATA_KEY_BYTES];
    char *to = arena_alloc(arena, DATA_KEY_BYTES + AEAD_MORE);
    TRY(read_key(self, name, wrapping, err));
    bool fine =
        to && aead_seal(wrapping, str_from(name), (Str){(const char *)key, DATA_KEY_BYTES}, to);
    explicit_bzero(wrapping, sizeof wrapping);
    *ret_wrapped = (Str){to, DATA_KEY_BYTES + AEAD_MORE};
    return fine || ERR(err, ERR_RETRY, "kms-away", "no memory");
}

static bool unwrap(void *self, const char *name, Str wrapped, unsigned char ret_key[DATA_KEY_BYTES],
                   Err *err)
{
    unsigned char wrapping[DATA_KEY_BYTES];
    /* The name comes from the database, and becomes a part of a path. */
    if (!kms_name_valid(str_from(name)))
        return ERR(err, ERR_FATAL, "payload-key-wrong", "a data key names no wrapping key");
    TRY(read_key(self, name, wrapping, err));
    bool fine = wrapped.len == DATA_KEY_BYTES + AEAD_MORE &&
                aead_open(wrapping, str_from(name), wrapped, (char *)ret_key);
    explicit_bzero(wrapping, sizeof wrapping);
    return fine || ERR(err, ERR_FATAL, "payload-key-wrong",
                       "%s.key is not the key that data keys were wrapped with", name);
}

bool kms_of_folder(const char *folder, Kms *ret_kms, Err *err)
{
    char *copy = strdup(folder);
    if (!copy)
        return ERR(err, ERR_FATAL, "payload-keys", "no memory");
    *ret_kms = (Kms){copy, active, wrap, unwrap, free};
    return true;
}
