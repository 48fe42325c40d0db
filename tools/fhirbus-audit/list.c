#include <stdio.h>
#include <time.h>

#include "common/audit/audit.h"
#include "common/json/write.h"
#include "tools/fhirbus-audit/audit.h"

enum { LINE_MAX_BYTES = 1 << 20, TIME_BYTES = 32 };

static void write_time(int64_t at_us, char ret_text[TIME_BYTES])
{
    char seconds[24];
    struct tm parts;
    time_t at = (time_t)(at_us / 1000000);
    gmtime_r(&at, &parts);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(ret_text, TIME_BYTES, "%s.%03dZ", seconds, (int)(at_us / 1000 % 1000));
}

static void write_json(const AuditFound *f, const char *at, Buf *line)
{
    const AuditRecord *r = &f->record;
    const struct {
        const char *name;
        Str value;
    } members[] = {
        {"at",        str_from(at)                      },
        {"kind",      str_from(audit_kind_name(r->kind))},
        {"service",   r->service                        },
        {"instance",  r->instance                       },
        {"action",    r->action                         },
        {"operation", r->operation                      },
        {"resource",  r->resource                       },
        {"tenant",    r->tenant                         },
        {"caller",    r->caller                         },
        {"means",     r->means                          },
        {"address",   r->address                        },
        {"peer",      r->peer                           },
        {"code",      r->code                           },
        {"id",        r->id                             },
    };
    buf_add_format(line, "{\"partition\":%d,\"sequence\":%lld,\"status\":%u,\"outcome\":%u",
                   f->place.partition, (long long)f->place.seq, r->status, r->outcome);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        buf_add_format(line, ",\"%s\":", members[i].name);
        json_write_string(line, members[i].value.ptr ? members[i].value : STR(""));
    }
    if (r->count)
        buf_add_format(line, ",\"count\":%llu", (unsigned long long)r->count);
    buf_add(line, STR(",\"details\":{"));
    for (uint32_t i = 0; i < r->detail_count; i++) {
        buf_add(line, i ? STR(",") : STR(""));
        json_write_string(line, r->details[i].name);
        buf_add_char(line, ':');
        json_write_string(line, r->details[i].value);
    }
    buf_add(line, STR("}}"));
}

/* Columns that are never empty, so that they can be counted. */
static void write_columns(const AuditFound *f, const char *at, Buf *line)
{
    const AuditRecord *r = &f->record;
    const Str columns[] = {r->action, r->operation, r->resource, r->tenant,
                           r->caller, r->address,   r->code};
    buf_add_format(line, "%s  %d/%lld  %u", at, f->place.partition, (long long)f->place.seq,
                   r->status);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        buf_add_format(line, "  %.*s", STR_ARG(columns[i].len ? columns[i] : STR("-")));
}

static void print(const Tool *tool, const AuditFound *f)
{
    char at[TIME_BYTES];
    BUF_AUTO line;
    buf_init(&line, LINE_MAX_BYTES);
    write_time(f->record.at_us, at);
    if (tool->fhir)
        audit_event_write(&f->record, &f->place, &line);
    else if (tool->json)
        write_json(f, at, &line);
    else
        write_columns(f, at, &line);
    printf("%.*s\n", STR_ARG(buf_str(&line)));
}

int list(Tool *tool)
{
    static unsigned char subject[AUDIT_SUBJECT_BYTES];
    AuditSearch *s = &tool->search;
    uint64_t given = 0;
    Err err = {0};
    if (s->patient.len) {
        audit_subject(str_from(tool->config.ordering_key_secret), s->patient, subject);
        s->subject = (Str){(const char *)subject, sizeof subject};
    }
    for (;;) {
        AuditFound *found;
        size_t count;
        uint64_t left = tool->limit ? tool->limit - given : AUDIT_PAGE_MAX;
        s->limit = left < AUDIT_PAGE_MAX ? (size_t)left : AUDIT_PAGE_MAX;
        arena_reset(tool->arena);
        if (!audit_search(tool->db, s, tool->arena, &found, &count, &err))
            return complain(&err);
        for (size_t i = 0; i < count; i++)
            print(tool, &found[i]);
        given += count;
        if (count < s->limit || (tool->limit && given >= tool->limit))
            return 0;
        s->after = true;
        s->after_us = found[count - 1].at_us;
        s->after_place = found[count - 1].place;
    }
}
