#include "tests/support/lake_answer.h"

#include <stdlib.h>
#include <time.h>

#include "common/base/check.h"

typedef struct Slow {
    size_t len, end; /* what is sent before it breaks off */
    unsigned drip_ms;
    char bytes[];
} Slow;

static ssize_t read_slowly(void *context, uint64_t at, char *to, size_t room)
{
    Slow *slow = context;
    if (at >= slow->end)
        return slow->end < slow->len ? MHD_CONTENT_READER_END_WITH_ERROR
                                     : MHD_CONTENT_READER_END_OF_STREAM;
    size_t len = slow->drip_ms ? 1 : slow->end - (size_t)at;
    if (len > room)
        len = room;
    if (slow->drip_ms)
        nanosleep(&(struct timespec){.tv_sec = slow->drip_ms / 1000,
                                     .tv_nsec = (slow->drip_ms % 1000) * 1000000L},
                  NULL);
    memcpy(to, slow->bytes + at, len);
    return (ssize_t)len;
}

static struct MHD_Response *slow_response(const LakeAnswer *answer)
{
    Slow *slow = malloc(sizeof *slow + answer->body.len);
    CHECK(slow);
    slow->len = answer->body.len;
    slow->end = answer->cut ? slow->len / 2 : slow->len;
    slow->drip_ms = answer->drip_ms;
    memcpy(slow->bytes, answer->body.ptr, answer->body.len);
    return MHD_create_response_from_callback(slow->len, 4096, read_slowly, slow, free);
}

static struct MHD_Response *plain_response(Str body)
{
    /* MHD copies the bytes; its signature merely lacks the const. */
    return MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.ptr,
                                           MHD_RESPMEM_MUST_COPY);
}

/* The first answer's length is announced, the second one's bytes follow it. */
static struct MHD_Response *double_response(const LakeAnswer *answer)
{
    static const char again[] = "{\"status\":\"Error\",\"message\":\"nobody asked\"}";
    char length[24];
    BUF_AUTO both;
    buf_init(&both, 1 << 16);
    buf_add(&both, answer->body);
    buf_add_format(&both,
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   sizeof again - 1, again);
    struct MHD_Response *response = plain_response(buf_str(&both));
    CHECK(response);
    MHD_set_response_options(response, MHD_RF_INSANITY_HEADER_CONTENT_LENGTH, MHD_RO_END);
    snprintf(length, sizeof length, "%zu", answer->body.len);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_LENGTH, length);
    return response;
}

enum MHD_Result lake_answer(struct MHD_Connection *connection, const LakeAnswer *answer)
{
    struct MHD_Response *response = answer->cut || answer->drip_ms ? slow_response(answer)
                                    : answer->twice                ? double_response(answer)
                                                                   : plain_response(answer->body);
    CHECK(response);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    if (answer->retry_after)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, answer->retry_after);
    MHD_add_response_header(response, "X-Request-Id", "lake-standin");
    enum MHD_Result queued = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return queued;
}
