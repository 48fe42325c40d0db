#include "tools/fhirbus-reconcile/report.h"

#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/http/client.h"

enum { METRICS_BYTES_MAX = 4096, PUSH_MS = 15000, POLL_MS = 100 };

void report_print(const Totals *t)
{
    printf("acknowledged %llu, stored %llu, answered %llu, failed %llu, missing %llu, doubled %llu "
           "(under way %llu, unreadable %llu)\n",
           (unsigned long long)t->acknowledged, (unsigned long long)t->stored,
           (unsigned long long)t->answered, (unsigned long long)t->refused,
           (unsigned long long)t->missing, (unsigned long long)t->doubled,
           (unsigned long long)t->open, (unsigned long long)t->unreadable);
}

static void add_metrics(const Totals *t, Buf *out)
{
    const struct {
        const char *kind;
        uint64_t count;
    } all[] = {
        {"acknowledged", t->acknowledged},
        {"stored",       t->stored      },
        {"answered",     t->answered    },
        {"failed",       t->refused     },
        {"missing",      t->missing     },
        {"doubled",      t->doubled     },
        {"open",         t->open        },
        {"unreadable",   t->unreadable  },
    };
    buf_init(out, METRICS_BYTES_MAX);
    buf_add(out, STR("# HELP fhirbus_reconcile_interactions of the last comparison\n"
                     "# TYPE fhirbus_reconcile_interactions gauge\n"));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_add_format(out, "fhirbus_reconcile_interactions{kind=\"%s\"} %llu\n", all[i].kind,
                       (unsigned long long)all[i].count);
    buf_add_format(out,
                   "# HELP fhirbus_reconcile_finished_seconds when it ended, since 1970\n"
                   "# TYPE fhirbus_reconcile_finished_seconds gauge\n"
                   "fhirbus_reconcile_finished_seconds %lld\n",
                   (long long)(clock_wall_ms() / 1000));
}

bool report_write(const Totals *totals, const char *path)
{
    char part[4096];
    BUF_AUTO text;
    add_metrics(totals, &text);
    snprintf(part, sizeof part, "%s.part", path);
    FILE *file = fopen(part, "we");
    if (!file) {
        perror(part);
        return false;
    }
    bool whole = fwrite(buf_str(&text).ptr, 1, buf_str(&text).len, file) == buf_str(&text).len;
    bool written = fclose(file) == 0 && whole && rename(part, path) == 0;
    if (!written)
        perror(path);
    return written;
}

static void on_pushed(void *context, const HttpResult *result)
{
    bool *pushed = context;
    *pushed = result->failure == HTTP_FAILURE_NONE && result->status / 100 == 2;
    if (!*pushed)
        fprintf(stderr, "fhirbus-reconcile: metrics were not taken: %s, HTTP %u\n",
                result->failure == HTTP_FAILURE_NONE ? "answered" : result->text, result->status);
}

bool report_push(const Totals *totals, const char *url, const char *ca_file)
{
    const HttpClientOptions options = {
        .ca_file = ca_file, .timeout_ms = PUSH_MS, .allow_plain_http = true};
    const HttpHeader type = {STR("Content-Type"), STR("text/plain; version=0.0.4")};
    HttpClient *client = NULL;
    Err err = {0};
    bool pushed = false;
    char whole[4096];
    BUF_AUTO text;
    add_metrics(totals, &text);
    snprintf(whole, sizeof whole, "%s/metrics/job/fhirbus-reconcile", url);
    const HttpCall call = {.method = "PUT",
                           .url = whole,
                           .headers = &type,
                           .header_count = 1,
                           .body = buf_str(&text),
                           .done = on_pushed,
                           .context = &pushed};
    bool started =
        http_client_new(&options, &client, &err) && http_client_start(client, &call, &err);
    while (started && http_client_active(client))
        http_client_poll(client, POLL_MS);
    http_client_free(client);
    if (!started)
        fprintf(stderr, "fhirbus-reconcile: %s: %s\n", err.code, err.text);
    return pushed;
}
