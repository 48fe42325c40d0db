#include "proto/loaded.pb-c.h"

#include "common/envelope/codec.h"

#define IMAGE_FIELDS(TEXT, PLAIN)                                                                  \
    TEXT(digest)                                                                                   \
    TEXT(name)                                                                                     \
    TEXT(version)                                                                                  \
    TEXT(reference)                                                                                \
    PLAIN(bytes)                                                                                   \
    PLAIN(loaded_at_us)                                                                            \
    PLAIN(profiles)                                                                                \
    PLAIN(described)

#define LOADED_FIELDS(TEXT, PLAIN)                                                                 \
    TEXT(instance)                                                                                 \
    TEXT(host)                                                                                     \
    TEXT(software)                                                                                 \
    PLAIN(started_at_us)                                                                           \
    PLAIN(every_s)                                                                                 \
    PLAIN(ended)

static void image_out(Codec *codec, const LoadedImage *in, Fhirbus__LoadedImage *wire)
{
    fhirbus__loaded_image__init(wire);
    IMAGE_FIELDS(OUT_TEXT, OUT_PLAIN)
    wire->packages = codec_pairs_out(codec, in->packages, in->package_count);
    wire->n_packages = wire->packages ? in->package_count : 0;
    wire->profile_urls = codec_alloc(codec, in->profile_url_count * sizeof *wire->profile_urls);
    for (uint32_t i = 0; wire->profile_urls && i < in->profile_url_count; i++)
        wire->profile_urls[wire->n_profile_urls++] = codec_text(codec, in->profile_urls[i]);
    codec_keep_unknown(&wire->base, in->unknown);
}

Fhirbus__Loaded *codec_loaded_out(Codec *codec, const Loaded *in)
{
    Fhirbus__Loaded *wire = codec_alloc(codec, sizeof *wire);
    Fhirbus__LoadedImage *images = codec_alloc(codec, in->image_count * sizeof *images);
    if (!wire || !images)
        return NULL;
    fhirbus__loaded__init(wire);
    LOADED_FIELDS(OUT_TEXT, OUT_PLAIN)
    wire->images = codec_alloc(codec, in->image_count * sizeof *wire->images);
    for (uint32_t i = 0; wire->images && i < in->image_count; i++) {
        image_out(codec, &in->images[i], &images[i]);
        wire->images[wire->n_images++] = &images[i];
    }
    codec_keep_unknown(&wire->base, in->unknown);
    return wire;
}

static bool image_in(const Fhirbus__LoadedImage *wire, Arena *arena, LoadedImage *ret, Err *err)
{
    Str *urls = ARENA_ARRAY(arena, Str, wire->n_profile_urls + 1);
    if (!urls)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu urls", wire->n_profile_urls);
    IMAGE_FIELDS(IN_TEXT, IN_PLAIN)
    for (size_t i = 0; i < wire->n_profile_urls; i++)
        urls[i] = codec_str(wire->profile_urls[i]);
    ret->profile_urls = urls;
    ret->profile_url_count = (uint32_t)wire->n_profile_urls;
    ret->unknown = codec_unknown(&wire->base);
    return codec_pairs_in(wire->packages, wire->n_packages, arena, &ret->packages,
                          &ret->package_count, err);
}

bool codec_loaded_in(const Fhirbus__Loaded *wire, Arena *arena, Loaded *ret, Err *err)
{
    LoadedImage *images = ARENA_ARRAY(arena, LoadedImage, wire->n_images + 1);
    if (!images)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu images", wire->n_images);
    LOADED_FIELDS(IN_TEXT, IN_PLAIN)
    for (size_t i = 0; i < wire->n_images; i++)
        TRY(image_in(wire->images[i], arena, &images[i], err));
    ret->images = images;
    ret->image_count = (uint32_t)wire->n_images;
    ret->unknown = codec_unknown(&wire->base);
    return true;
}
