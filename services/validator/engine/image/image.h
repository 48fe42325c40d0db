/* image - one read-only file with everything a validator knows; mapped, never relocated.
 *
 * Layout:  header, section table, sections; 32-bit offsets from the start of the file, sections on
 *          64-byte boundaries, all numbers in the byte order of the machine that wrote them.
 * Owner:   image_open maps the file, image_close unmaps it; pages are shared between processes.
 * Threads: immutable once open.
 * Errors:  ERR_INPUT "image-read" (cannot be opened), "image-format" (no image, another byte order,
 *          truncated), "image-stale" (made by another build: compile it again), "image-checksum"
 *          (damaged).
 * Limits:  4 GiB.
 *
 * image_open checks the header, that every section lies inside the file, and the checksums made
 * when it was written (1 ms for 10 MB). What sections hold is checked by those who read them
 * (schema_bind): a forged image with fitting checksums is refused or gives wrong verdicts, no
 * worse. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

/* Raise when the meaning of any section changes: older images are then refused. */
enum { IMAGE_VERSION = 7, IMAGE_SECTIONS_MAX = 64 };

typedef enum ImageSectionId {
    IMAGE_INFO = 1,
    IMAGE_STRINGS,
    IMAGE_NUMBERS, /* lists of 32-bit numbers */
    IMAGE_PROFILES,
    IMAGE_PROFILE_INDEX,
    IMAGE_TYPE_PROFILES,
    IMAGE_NODES,
    IMAGE_GROUPS,
    IMAGE_TYPES,
    IMAGE_TARGETS,
    IMAGE_CONSTRAINTS,
    IMAGE_EXPRESSIONS,
    IMAGE_CODE,
    IMAGE_SLICINGS,
    IMAGE_SLICES,
    IMAGE_VALUES,
    IMAGE_BINDINGS,
    IMAGE_FACETS,
    IMAGE_CONTEXTS,
    IMAGE_TERMINOLOGY,
    IMAGE_MODEL,
    IMAGE_RESOURCES, /* definitions kept whole: questionnaires, measures */
    IMAGE_PACKAGES,  /* what it was made of; absent in older images */
} ImageSectionId;

typedef struct Image {
    const char *bytes;
    size_t size;
    uint64_t id; /* checksum of the section table: tells two images apart */
} Image;

bool image_open(const char *path, Image *ret_image, Err *err) MUST_USE;
/* The same over bytes in memory (8-byte aligned), without the checksums; nothing to close. */
bool image_over(Str bytes, Image *ret_image, Err *err) MUST_USE;
void image_close(Image *image);
/* A section's bytes, 64-byte aligned; empty when the image has none. */
Str image_section(const Image *image, ImageSectionId id);

typedef struct ImagePart {
    ImageSectionId id;
    Str bytes;
} ImagePart;
/* Writes to PATH.tmp and renames, so that readers meet the old or the new one, never half. */
bool image_write(const char *path, const ImagePart *parts, size_t count, Err *err) MUST_USE;
