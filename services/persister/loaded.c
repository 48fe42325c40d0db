#include "services/persister/loaded.h"

#include "services/persister/facts.h"

enum { NAME_BYTES_MAX = 512, IMAGES_MAX = 1000 };

static Str clip(Str text)
{
    return text.ptr ? text_clip(text, NAME_BYTES_MAX) : STR("");
}

/* A column of the images' texts. */
#define TEXTS(member)                                                                              \
    for (uint32_t i = 0; i < count; i++)                                                           \
        texts[i] = clip(loaded->images[i].member);                                                 \
    db_text_array(params, texts, count)

static bool add_images(const Loaded *loaded, uint32_t count, Arena *arena, DbParams *params)
{
    Str *texts = ARENA_ARRAY(arena, Str, count + 1);
    int64_t *numbers = ARENA_ARRAY(arena, int64_t, count + 1);
    int32_t *counts = ARENA_ARRAY(arena, int32_t, count + 1);
    if (!texts || !numbers || !counts)
        return false;
    TEXTS(digest);
    TEXTS(name);
    TEXTS(version);
    TEXTS(reference);
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = (int64_t)loaded->images[i].bytes;
    db_bigint_array(params, numbers, count);
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = loaded->images[i].loaded_at_us;
    db_time_us_array(params, numbers, count);
    for (uint32_t i = 0; i < count; i++)
        counts[i] = (int32_t)loaded->images[i].profiles;
    db_int_array(params, counts, count);
    return true;
}

/* Whose it is, from 1, and the text. */
typedef struct Parts {
    int32_t *of;
    Str *texts;
    size_t count;
} Parts;

static bool parts_new(Parts *parts, size_t room, Arena *arena)
{
    *parts = (Parts){ARENA_ARRAY(arena, int32_t, room + 1), ARENA_ARRAY(arena, Str, room + 1), 0};
    return parts->of && parts->texts;
}

static void part(Parts *parts, uint32_t image, Str text)
{
    parts->of[parts->count] = (int32_t)image + 1;
    parts->texts[parts->count++] = clip(text);
}

static bool add_parts(const Loaded *loaded, uint32_t count, Arena *arena, DbParams *params)
{
    size_t packages = 0, urls = 0;
    for (uint32_t i = 0; i < count; i++) {
        packages += loaded->images[i].package_count;
        urls += loaded->images[i].profile_url_count;
    }
    Parts made_of, profiles;
    if (!parts_new(&made_of, packages, arena) || !parts_new(&profiles, urls, arena))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const LoadedImage *image = &loaded->images[i];
        for (uint32_t p = 0; p < image->package_count; p++)
            part(&made_of, i,
                 arena_format(arena, "%.*s%s%.*s", STR_ARG(image->packages[p].name),
                              image->packages[p].value.len ? "#" : "",
                              STR_ARG(image->packages[p].value)));
        for (uint32_t u = 0; u < image->profile_url_count; u++)
            part(&profiles, i, image->profile_urls[u]);
    }
    db_int_array(params, made_of.of, made_of.count);
    db_text_array(params, made_of.texts, made_of.count);
    db_int_array(params, profiles.of, profiles.count);
    db_text_array(params, profiles.texts, profiles.count);
    return true;
}

bool loaded_params(const Loaded *loaded, int64_t at_us, Arena *arena, DbParams *params, Err *err)
{
    uint32_t count = loaded->image_count < IMAGES_MAX ? loaded->image_count : IMAGES_MAX;
    if (loaded->instance.len == 0 || loaded->instance.len > NAME_BYTES_MAX)
        return ERR(err, ERR_INPUT, "record-id", "a validator of %zu bytes", loaded->instance.len);
    db_text(params, loaded->instance);
    db_text(params, clip(loaded->host));
    db_text(params, clip(loaded->software));
    db_time_us(params, loaded->started_at_us);
    db_time_us(params, at_us);
    db_int(params, (int32_t)(loaded->every_s < 86400 ? loaded->every_s : 86400));
    db_bool(params, loaded->ended);
    if (!add_images(loaded, count, arena, params) || !add_parts(loaded, count, arena, params))
        params->failed = true;
    return true;
}
