#include "tests/support/lake_answer.h"

#include <gnutls/gnutls.h>
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

/* The answer goes out past MHD; what MHD then sends is the one that nobody asked for. */
static struct MHD_Response *second_response(struct MHD_Connection *connection,
                                            const LakeAnswer *answer)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    BUF_AUTO first;
    buf_init(&first, 1 << 16);
    buf_add_format(&first, "HTTP/1.1 %u OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%.*s",
                   answer->status, answer->type, answer->body.len, STR_ARG(answer->body));
    CHECK(info && gnutls_record_send(info->tls_session, first.data, first.len) > 0);
    return plain_response(STR("{\"status\":\"Error\",\"message\":\"nobody asked\"}"));
}

enum MHD_Result lake_answer(struct MHD_Connection *connection, const LakeAnswer *answer)
{
    struct MHD_Response *response = answer->cut || answer->drip_ms ? slow_response(answer)
                                    : answer->twice ? second_response(connection, answer)
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
