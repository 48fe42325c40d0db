#include "services/validator/images.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { IMAGES_MAX = 64, IMAGE_PATH_BYTES = 1024 };

typedef struct ImageFile {
    char path[IMAGE_PATH_BYTES];
    struct timespec changed;
    off_t bytes;
    ino_t inode;
} ImageFile;

typedef struct ImageSet {
    ImageFile files[IMAGES_MAX];
    size_t count;
} ImageSet;

struct Images {
    const char *list;
    const Log *log;
    ImageSet set;
    FhirValidator *engine;
    int64_t opened_at_us;
    int64_t loaded_at_us[IMAGES_MAX]; /* of the engine's images */
};

static void add_file(ImageSet *set, const char *path, const struct stat *about)
{
    if (set->count == IMAGES_MAX)
        return;
    ImageFile *file = &set->files[set->count++];
    *file = (ImageFile){.changed = about->st_mtim, .bytes = about->st_size, .inode = about->st_ino};
    snprintf(file->path, sizeof file->path, "%s", path);
}

static void add_folder(ImageSet *set, const char *folder)
{
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[IMAGE_PATH_BYTES];
        struct stat about;
        int len = snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (str_ends(str_from(names[i]->d_name), STR(".image")) && len > 0 &&
            (size_t)len < sizeof path && stat(path, &about) == 0 && S_ISREG(about.st_mode))
            add_file(set, path, &about);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

static bool look(const char *list, ImageSet *set, Err *err)
{
    Str rest = str_from(list), one;
    set->count = 0;
    while (rest.ptr && str_split(&rest, ',', &one)) {
        char path[IMAGE_PATH_BYTES];
        struct stat about;
        one = str_trim(one);
        if (one.len == 0)
            continue;
        snprintf(path, sizeof path, "%.*s", STR_ARG(one));
        if (stat(path, &about) != 0)
            return ERR(err, ERR_FATAL, "image-missing", "FHIR_IMAGES: cannot read %.180s", path);
        if (S_ISDIR(about.st_mode))
            add_folder(set, path);
        else
            add_file(set, path, &about);
    }
    return true;
}

static bool same(const ImageSet *a, const ImageSet *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        const ImageFile *x = &a->files[i], *y = &b->files[i];
        equal = strcmp(x->path, y->path) == 0 && x->bytes == y->bytes && x->inode == y->inode &&
                x->changed.tv_sec == y->changed.tv_sec && x->changed.tv_nsec == y->changed.tv_nsec;
    }
    return equal;
}

static bool open_set(const ImageSet *set, FhirValidator **ret_engine, Err *err)
{
    const char *paths[IMAGES_MAX];
    for (size_t i = 0; i < set->count; i++)
        paths[i] = set->files[i].path;
    return fhir_validator_open(paths, set->count, ret_engine, err);
}

/* What was in use already has been since then. */
static void carry_times(Images *images, const FhirValidator *engine)
{
    int64_t times[IMAGES_MAX];
    size_t count = fhir_validator_image_count(engine), before = 0;
    if (images->engine)
        before = fhir_validator_image_count(images->engine);
    for (size_t i = 0; i < count; i++) {
        times[i] = images->opened_at_us;
        for (size_t j = 0; j < before; j++)
            if (fhir_validator_image_id(images->engine, j) == fhir_validator_image_id(engine, i))
                times[i] = images->loaded_at_us[j];
    }
    memcpy(images->loaded_at_us, times, count * sizeof *times);
}

static void take_over(Images *images, FhirValidator *engine, const ImageSet *set)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    images->opened_at_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    carry_times(images, engine);
    fhir_validator_close(images->engine);
    images->engine = engine;
    images->set = *set;
    log_info(images->log, "images.opened", LOG_U64("images", set->count));
    for (size_t i = 0; i < fhir_validator_image_count(engine); i++)
        log_info(images->log, "images.loaded",
                 LOG_STR("name", fhir_validator_image_name(engine, i)),
                 LOG_STR("version", fhir_validator_image_version(engine, i)),
                 LOG_STR("reference", fhir_validator_image_reference(engine, i)));
}

bool images_open(const char *list, const Log *log, Images **ret_images, Err *err)
{
    FhirValidator *engine = NULL;
    ImageSet set;
    Images *images = calloc(1, sizeof *images);
    if (!images)
        return ERR(err, ERR_FATAL, "image-memory", "no memory");
    *images = (Images){.list = list, .log = log};
    if (!look(list, &set, err) || !open_set(&set, &engine, err)) {
        images_close(images);
        return false;
    }
    take_over(images, engine, &set);
    *ret_images = images;
    return true;
}

void images_close(Images *images)
{
    if (!images)
        return;
    fhir_validator_close(images->engine);
    free(images);
}

const FhirValidator *images_engine(const Images *images)
{
    return images->engine;
}

int64_t images_opened_at_us(const Images *images)
{
    return images->opened_at_us;
}

int64_t images_loaded_at_us(const Images *images, size_t index)
{
    return images->loaded_at_us[index];
}

bool images_refresh(Images *images, bool forced)
{
    FhirValidator *engine = NULL;
    ImageSet set;
    Err err = {0};
    bool fine = look(images->list, &set, &err);
    if (fine && !forced && same(&set, &images->set))
        return false;
    if (!fine || !open_set(&set, &engine, &err)) {
        log_error(images->log, "images.refused", LOG_ERR(&err));
        if (fine)
            images->set = set; /* say so once, not at every look */
        return false;
    }
    take_over(images, engine, &set);
    return true;
}

size_t images_find(const Images *images, Str ig_version, Str profile)
{
    size_t by_version = SIZE_MAX;
    size_t by_profile = fhir_validator_image_of_profile(images->engine, profile);
    if (ig_version.len == 0)
        return SIZE_MAX;
    for (size_t i = 0; i < fhir_validator_image_count(images->engine); i++) {
        if (!str_eq(fhir_validator_image_version(images->engine, i), ig_version))
            continue;
        if (by_version == SIZE_MAX || i == by_profile)
            by_version = i;
    }
    return by_version;
}
