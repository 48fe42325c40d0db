/* images - the engine that is in use, and its replacement when the definitions change.
 *
 * Rule:    a new engine is opened beside the old one and takes over only when it opened well; a
 *          broken image is logged and the old one stays.
 * Owner:   Images owns its engine; a verdict's texts may lie in it, so images_refresh belongs
 *          between two messages.
 * Threads: one.
 * Errors:  ERR_FATAL or ERR_INPUT of fhir_validator_open, at the first opening. */
#pragma once
#include "common/obs/log.h"
#include "services/validator/engine/fhir_validator.h"

typedef struct Images Images;

/* `list`: files or folders of *.image, by comma; NULL: no definitions. Borrowed. */
bool images_open(const char *list, const Log *log, Images **ret_images, Err *err) MUST_USE;
void images_close(Images *images); /* NULL is fine */
const FhirValidator *images_engine(const Images *images);
int64_t images_opened_at_us(const Images *images);
/* Since when the engine's image of that number has been in use, also by engines before this one. */
int64_t images_loaded_at_us(const Images *images, size_t index);
/* Reopens when forced, or when a file came, went or changed. True when the engine was replaced. */
bool images_refresh(Images *images, bool forced);
/* The image of that IG version that defines `profile` or, without such, any image of that version;
 * SIZE_MAX: none, let the engine choose. */
size_t images_find(const Images *images, Str ig_version, Str profile);
