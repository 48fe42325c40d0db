#include "services/validator/engine/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/base/check.h"

static const char MAGIC[8] = {'F', 'H', 'I', 'R', 'I', 'M', 'G', '\n'};
enum { ORDER_MARK = 0x01020304, ALIGNMENT = 64, PATH_BYTES_MAX = 4096, READ_BYTES = 1 << 18 };

typedef struct Header {
    char magic[8];
    uint32_t order; /* ORDER_MARK as the writer's machine stores it */
    uint32_t version;
    uint64_t size;
    uint64_t table_checksum;
    uint32_t section_count;
    uint32_t unused;
} Header;

typedef struct Section {
    uint32_t id;
    uint32_t offset;
    uint32_t bytes;
    uint32_t unused;
    uint64_t checksum;
} Section;

static const Header *header_of(const Image *image)
{
    return (const Header *)(const void *)image->bytes;
}

static const Section *table_of(const Image *image)
{
    return (const Section *)(const void *)(image->bytes + sizeof(Header));
}

static bool check_table(const Image *image, const char *path, Err *err)
{
    const Header *header = header_of(image);
    const Section *table = table_of(image);
    for (uint32_t i = 0; i < header->section_count; i++) {
        const Section *section = &table[i];
        if (section->offset % ALIGNMENT != 0 || section->offset > image->size ||
            section->bytes > image->size - section->offset)
            return ERR(err, ERR_INPUT, "image-format", "%s: section %u lies outside the file", path,
                       section->id);
    }
    return true;
}

static bool check_header(const Image *image, const char *path, Err *err)
{
    if (image->size < sizeof(Header) || memcmp(image->bytes, MAGIC, sizeof MAGIC) != 0)
        return ERR(err, ERR_INPUT, "image-format", "%s: not a compiled image", path);
    const Header *header = header_of(image);
    if (header->order != ORDER_MARK)
        return ERR(err, ERR_INPUT, "image-format",
                   "%s: made on a machine of another byte order; compile it here", path);
    if (header->version != IMAGE_VERSION)
        return ERR(err, ERR_INPUT, "image-stale",
                   "%s: image version %u, this program reads %d; compile it again", path,
                   header->version, IMAGE_VERSION);
    if (header->size != image->size || header->section_count > IMAGE_SECTIONS_MAX ||
        sizeof(Header) + header->section_count * sizeof(Section) > image->size)
        return ERR(err, ERR_INPUT, "image-format", "%s: truncated or damaged", path);
    return check_table(image, path, err);
}

static bool adopt(const char *bytes, size_t size, const char *path, Image *ret_image, Err *err)
{
    Image image = {.bytes = bytes, .size = size};
    TRY(check_header(&image, path, err));
    image.id = header_of(&image)->table_checksum;
    *ret_image = image;
    return true;
}

bool image_over(Str bytes, Image *ret_image, Err *err)
{
    return adopt(bytes.ptr, bytes.len, "image", ret_image, err);
}

/* Read, not looked at through the mapping: pages that no resource needs stay out of memory. */
static bool hash_section(int fd, const Section *section, XXH3_state_t *state, char *room)
{
    XXH3_64bits_reset(state);
    for (uint32_t done = 0; done < section->bytes;) {
        uint32_t left = section->bytes - done;
        ssize_t got = pread(fd, room, left < READ_BYTES ? left : READ_BYTES,
                            (off_t)section->offset + (off_t)done);
        if (got <= 0)
            return false;
        XXH3_64bits_update(state, room, (size_t)got);
        done += (uint32_t)got;
    }
    return XXH3_64bits_digest(state) == section->checksum;
}

static bool check_sums(const Image *image, int fd, const char *path, Err *err)
{
    const Header *header = header_of(image);
    const Section *table = table_of(image);
    if (XXH3_64bits(table, header->section_count * sizeof *table) != header->table_checksum)
        return ERR(err, ERR_INPUT, "image-checksum",
                   "%s: the section table is damaged; compile it again", path);
    XXH3_state_t *state = XXH3_createState();
    char *room = malloc(READ_BYTES);
    uint32_t good = 0;
    while (state && room && good < header->section_count &&
           hash_section(fd, &table[good], state, room))
        good++;
    XXH3_freeState(state);
    free(room);
    if (good < header->section_count)
        return ERR(err, ERR_INPUT, "image-checksum",
                   "%s: section %u is damaged or cannot be read; compile it again", path,
                   table[good].id);
    return true;
}

static bool map_file(int fd, const char *path, Image *ret_image, Err *err)
{
    struct stat info = {0};
    if (fstat(fd, &info) != 0)
        return ERR(err, ERR_INPUT, "image-read", "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode) || info.st_size < (off_t)sizeof(Header) || info.st_size > UINT32_MAX)
        return ERR(err, ERR_INPUT, "image-format", "%s: not a compiled image", path);
    size_t size = (size_t)info.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED)
        return ERR(err, ERR_INPUT, "image-read", "%s: %s", path, strerror(errno));
    if (adopt(bytes, size, path, ret_image, err) && check_sums(ret_image, fd, path, err))
        return true;
    munmap(bytes, size);
    *ret_image = (Image){0};
    return false;
}

bool image_open(const char *path, Image *ret_image, Err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR(err, ERR_INPUT, "image-read", "%s: %s", path, strerror(errno));
    bool ok = map_file(fd, path, ret_image, err);
    close(fd);
    return ok;
}

void image_close(Image *image)
{
    if (image->bytes)
        munmap((void *)(uintptr_t)image->bytes, image->size);
    *image = (Image){0};
}

Str image_section(const Image *image, ImageSectionId id)
{
    const Section *table = table_of(image);
    for (uint32_t i = 0; i < header_of(image)->section_count; i++)
        if (table[i].id == (uint32_t)id)
            return (Str){image->bytes + table[i].offset, table[i].bytes};
    return (Str){"", 0};
}

/* --- writing ---------------------------------------------------------------------------------- */

static uint64_t aligned(uint64_t offset)
{
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool lay_out(const ImagePart *parts, size_t count, Header *header, Section *table, Err *err)
{
    uint64_t at = aligned(sizeof(Header) + count * sizeof(Section));
    for (size_t i = 0; i < count; i++) {
        if (at + parts[i].bytes.len > UINT32_MAX)
            return ERR(err, ERR_INPUT, "image-format", "the image would be larger than 4 GiB");
        table[i] = (Section){.id = (uint32_t)parts[i].id,
                             .offset = (uint32_t)at,
                             .bytes = (uint32_t)parts[i].bytes.len,
                             .checksum = XXH3_64bits(parts[i].bytes.ptr, parts[i].bytes.len)};
        at = aligned(at + parts[i].bytes.len);
    }
    *header = (Header){.order = ORDER_MARK,
                       .version = IMAGE_VERSION,
                       .size = at,
                       .table_checksum = XXH3_64bits(table, count * sizeof *table),
                       .section_count = (uint32_t)count};
    memcpy(header->magic, MAGIC, sizeof MAGIC);
    return true;
}

static bool put(FILE *file, const void *bytes, size_t len, uint64_t *at)
{
    *at += len;
    return len == 0 || fwrite(bytes, 1, len, file) == len;
}

static bool pad(FILE *file, uint64_t to, uint64_t *at)
{
    static const char zeros[ALIGNMENT];
    return put(file, zeros, (size_t)(to - *at), at);
}

static bool put_all(FILE *file, const Header *header, const Section *table, const ImagePart *parts)
{
    uint64_t at = 0;
    bool ok = put(file, header, sizeof *header, &at) &&
              put(file, table, header->section_count * sizeof *table, &at);
    for (uint32_t i = 0; ok && i < header->section_count; i++)
        ok = pad(file, table[i].offset, &at) &&
             put(file, parts[i].bytes.ptr, parts[i].bytes.len, &at);
    return ok && pad(file, header->size, &at);
}

bool image_write(const char *path, const ImagePart *parts, size_t count, Err *err)
{
    CHECK(count <= IMAGE_SECTIONS_MAX);
    Header header;
    Section table[IMAGE_SECTIONS_MAX] = {0};
    TRY(lay_out(parts, count, &header, table, err));
    struct stat there;
    /* The new file takes the place of the old one: it must not be that of a device. */
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        return ERR(err, ERR_INPUT, "image-read", "%s: it is no regular file", path);
    char tmp[PATH_BYTES_MAX];
    int len = snprintf(tmp, sizeof tmp, "%s.tmp", path);
    if (len < 0 || (size_t)len >= sizeof tmp)
        return ERR(err, ERR_INPUT, "image-read", "the path is too long");
    FILE *file = fopen(tmp, "wb");
    if (!file)
        return ERR(err, ERR_INPUT, "image-read", "%s: %s", tmp, strerror(errno));
    bool ok = put_all(file, &header, table, parts);
    ok = fclose(file) == 0 && ok;
    if (ok && rename(tmp, path) == 0)
        return true;
    int why = errno;
    unlink(tmp);
    return ERR(err, ERR_INPUT, "image-read", "%s: %s", path, strerror(why));
}
