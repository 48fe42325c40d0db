/* lines - whether every line of a header ends as HTTP/1.1 ends lines, watched on the stream.
 *
 * Spec:    RFC 9112 §2.2 lets a server take a lone LF for the end of a line, as libmicrohttpd does
 *          (it does so with a lone CR, too, reads a field's value up to a NUL, and loses a field
 *          that is folded). A proxy in front that reads such bytes otherwise sees another request
 *          than we do. So none of it is taken: in a header what is wrong is made a sign that
 * nothing may contain, and the request is refused like any other with it; in the lines of the
 * chunked coding, which have no such sign, LINES_BROKEN is the end. Rule:    bodies pass untouched
 * and unread; requests may stand behind one another. Threads: pure; one HttpLines per connection.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum LinesWhere {
    LINES_FIRST, /* the request line, and empty lines before it */
    LINES_HEADER,
    LINES_BODY,
    LINES_CHUNK_SIZE,
    LINES_CHUNK,
    LINES_CHUNK_END, /* CR LF behind it */
    LINES_TRAILER,
} LinesWhere;

typedef struct HttpLines {
    LinesWhere where;
    bool cr;         /* the byte before was a CR */
    size_t line_len; /* of the present one so far */
    char name[20];   /* of the present field, in lower case; longer ones are of no interest */
    size_t name_len; /* sizeof name + 1: longer */
    bool in_value;   /* behind its colon */
    bool size_over;  /* a chunk's size has ended: an extension */
    uint64_t length; /* Content-Length */
    bool chunked;    /* Transfer-Encoding is there */
    uint64_t left;   /* of the body or chunk; of a size line: the size so far */
} HttpLines;

/* Looks at the next `len` bytes of the connection and mends them in place. False: LINES_BROKEN, no
 * byte of it may be used. */
bool http_lines_pass(HttpLines *lines, char *bytes, size_t len);
