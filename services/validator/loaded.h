/* loaded - which images this process has open, told to whom it concerns by an event of kind images.
 *
 * Rule:    told at the first step, when the engine was replaced, every FHIR_IMAGES_REPORT_S, and
 *          at the end: always whole, so that the newest report of an instance is all there is to
 *          know. What an image is made of is told at first, when it changed, and each
 *          LOADED_WHOLE_EVERY-th time. Brokers that are away are not told twice: one report is
 *          under way at a time.
 * Threads: one, that of the producer's reports.
 * Errors:  none that stop the work: a report that was not taken is logged, and made again. */
#pragma once
#include "common/bus/bus.h"
#include "common/bus/supervisor.h"
#include "common/envelope/envelope.h"
#include "services/validator/images.h"
#include "services/validator/settings.h"

enum {
    LOADED_WHOLE_EVERY = 10,
    LOADED_PACKAGES_MAX = 200, /* of one image */
    LOADED_URLS_MAX = 500,     /* of one image */
    LOADED_URLS_ALL_MAX = 2000 /* of one report: some 200 KB */
};

typedef struct LoadedReport LoadedReport;

/* All borrowed. NULL without memory. */
LoadedReport *loaded_new(const ValidatorConfig *config, const Log *log, BusProducer *producer,
                         const Supervisor *supervisor);
void loaded_free(LoadedReport *report); /* NULL is fine; after the producer's last report */
/* Tells what is due. `arena` is empty, and is given back so. */
void loaded_step(LoadedReport *report, const Images *images, Arena *arena, int64_t now_us);
/* Says good-bye, and waits at most so long until that is taken. */
void loaded_end(LoadedReport *report, const Images *images, Arena *arena, int64_t now_us,
                uint32_t wait_ms);

/* The images as they are told; the rest of *ret_loaded stays as it is. Texts lie in the images. */
bool loaded_describe(const Images *images, bool described, Arena *arena, Loaded *ret_loaded,
                     Err *err) MUST_USE;
