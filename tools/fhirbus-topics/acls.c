#include "tools/fhirbus-topics/acls.h"

#include <stdio.h>

#include "common/audit/audit.h"

enum { PRINCIPAL_BYTES = 300 };

/* All that each may; what is not here is denied. The first word stands for the star of
 * ACL_PRINCIPALS. */
static const AclRow table[] = {
  /* Takes requests; answers them; administration (/admin) and replays (POST /Bundle/replay). */
    {"ingest",         ACL_TOPIC,   "intake",          ACL_READ | ACL_WRITE                            },
    {"ingest",         ACL_TOPIC,   "intake.bulk",     ACL_READ | ACL_WRITE                            },
    {"ingest",         ACL_TOPIC,   "trial",           ACL_WRITE                                       },
    {"ingest",         ACL_TOPIC,   "command",         ACL_WRITE                                       },
    {"ingest",         ACL_TOPIC,   "response",        ACL_READ                                        },
    {"ingest",         ACL_TOPIC,   "events",          ACL_WRITE                                       },
    {"ingest",         ACL_TOPIC,   "audit",           ACL_WRITE                                       },
    {"ingest",         ACL_TOPIC,   "config",          ACL_READ | ACL_WRITE                            },
    {"ingest",         ACL_TOPIC,   "dlq",             ACL_READ                                        },
    {"ingest",         ACL_TOPIC,   "submit.*",        ACL_CREATE | ACL_DESCRIBE | ACL_DESCRIBE_CONFIGS},
    {"ingest",         ACL_GROUP,   "lake-submitter*", ACL_DESCRIBE                                    },
 /* Judges what was taken; splits batches. */
    {"validator",      ACL_TOPIC,   "intake",          ACL_READ                                        },
    {"validator",      ACL_TOPIC,   "intake.bulk",     ACL_READ | ACL_WRITE                            },
    {"validator",      ACL_TOPIC,   "trial",           ACL_READ                                        },
    {"validator",      ACL_TOPIC,   "command",         ACL_READ                                        },
    {"validator",      ACL_TOPIC,   "command.checked", ACL_WRITE                                       },
    {"validator",      ACL_TOPIC,   "validated",       ACL_WRITE                                       },
    {"validator",      ACL_TOPIC,   "response",        ACL_WRITE                                       },
    {"validator",      ACL_TOPIC,   "dlq",             ACL_WRITE                                       },
    {"validator",      ACL_TOPIC,   "events",          ACL_WRITE                                       },
    {"validator",      ACL_TOPIC,   "config",          ACL_READ                                        },
    {"validator",      ACL_GROUP,   "validator*",      ACL_READ                                        },
 /* Keeps all of it, and knows no credentials. */
    {"persister",      ACL_TOPIC,   "intake",          ACL_READ                                        },
    {"persister",      ACL_TOPIC,   "intake.bulk",     ACL_READ                                        },
    {"persister",      ACL_TOPIC,   "validated",       ACL_READ                                        },
    {"persister",      ACL_TOPIC,   "command.checked", ACL_READ                                        },
    {"persister",      ACL_TOPIC,   "response",        ACL_READ | ACL_WRITE                            },
    {"persister",      ACL_TOPIC,   "events",          ACL_READ                                        },
    {"persister",      ACL_TOPIC,   "audit",           ACL_READ                                        },
    {"persister",      ACL_TOPIC,   "dlq",             ACL_WRITE                                       },
    {"persister",      ACL_GROUP,   "persister*",      ACL_READ                                        },
 /* Hands on what was judged. */
    {"lake-submitter", ACL_TOPIC,   "validated",       ACL_READ                                        },
    {"lake-submitter", ACL_TOPIC,   "submit.*",        ACL_READ | ACL_WRITE | ACL_DESCRIBE_CONFIGS     },
    {"lake-submitter", ACL_TOPIC,   "response",        ACL_WRITE                                       },
    {"lake-submitter", ACL_TOPIC,   "events",          ACL_WRITE                                       },
    {"lake-submitter", ACL_TOPIC,   "dlq",             ACL_WRITE                                       },
    {"lake-submitter", ACL_TOPIC,   "config",          ACL_READ                                        },
    {"lake-submitter", ACL_GROUP,   "lake-submitter*", ACL_READ                                        },
 /* Whoever reads a topic without a group names this one, and is never in it. */
    {"ingest",         ACL_GROUP,   "reader",          ACL_DESCRIBE                                    },
    {"validator",      ACL_GROUP,   "reader",          ACL_DESCRIBE                                    },
    {"lake-submitter", ACL_GROUP,   "reader",          ACL_DESCRIBE                                    },
 /* The tools: administration, replays, dead letters, reconciliation. They make no acknowledged
  * document, no verdict, and change no rule of this table. */
    {"operator",       ACL_TOPIC,   "intake",          ACL_READ                                        },
    {"operator",       ACL_TOPIC,   "intake.bulk",     ACL_READ | ACL_WRITE                            },
    {"operator",       ACL_TOPIC,   "validated",       ACL_READ                                        },
    {"operator",       ACL_TOPIC,   "submit.*",
     ACL_READ | ACL_CREATE | ACL_DESCRIBE_CONFIGS | ACL_ALTER_CONFIGS                                  },
    {"operator",       ACL_TOPIC,   "response",        ACL_READ                                        },
    {"operator",       ACL_TOPIC,   "events",          ACL_READ                                        },
    {"operator",       ACL_TOPIC,   "audit",           ACL_READ | ACL_WRITE                            },
    {"operator",       ACL_TOPIC,   "config",          ACL_READ | ACL_WRITE                            },
    {"operator",       ACL_TOPIC,   "dlq",             ACL_READ                                        },
    {"operator",       ACL_GROUP,   "*",               ACL_DESCRIBE                                    },
    {"operator",       ACL_CLUSTER, NULL,              ACL_DESCRIBE                                    }, /* to see these rules: acls --check */
};
enum { ROWS = sizeof table / sizeof table[0] };

typedef struct Told {
    size_t fine, changed;
} Told;

static void tell(void *opaque, const AclReport *report)
{
    static const char *const words[] = {"fine", "added", "removed", "missing", "extra"};
    Told *told = opaque;
    if (report->change == ACL_FINE) {
        told->fine++;
        return;
    }
    told->changed += report->change == ACL_ADDED || report->change == ACL_REMOVED;
    printf("%-8s %s may %s %s %s%s\n", words[report->change], report->principal, report->operation,
           report->resource, report->name, report->prefixed ? "*" : "");
}

/* That the rules were changed is an act like any other. */
static void tell_audit(const BusConfig *bus, const Told *told, const Err *failed)
{
    char count[24];
    Err err = {0};
    snprintf(count, sizeof count, "%zu", told->changed);
    const NameValue detail = {STR("rules"), str_from(count)};
    AuditRecord act =
        audit_act_record("fhirbus-topics", "U", "acls", STR("acls"), audit_operator(NULL), failed);
    act.details = &detail;
    act.detail_count = 1;
    if (!audit_act(bus, &act, &err))
        fprintf(stderr, "fhirbus-topics: not in the audit trail: %s\n", err.text);
}

int acls_run(const BusConfig *bus, const char *principals, bool check_only, uint32_t wait_ms)
{
    static char names[ROWS][PRINCIPAL_BYTES];
    AclRow rows[ROWS];
    Told told = {0};
    Err err = {0};
    Str pattern = str_from(principals);
    size_t star = str_find_char(pattern, '*');
    if (star == pattern.len) {
        fprintf(stderr, "fhirbus-topics: ACL_PRINCIPALS has no '*' for the part of a service\n");
        return 2;
    }
    for (size_t i = 0; i < ROWS; i++) {
        snprintf(names[i], PRINCIPAL_BYTES, "%.*s%s%s", (int)star, principals, table[i].principal,
                 principals + star + 1);
        rows[i] = table[i];
        rows[i].principal = names[i];
    }
    bool fine = bus_acls_ensure(bus, rows, ROWS, check_only, wait_ms, tell, &told, &err);
    printf("%-8s %zu rules\n", "fine", told.fine);
    if (told.changed)
        tell_audit(bus, &told, fine ? NULL : &err);
    if (!fine)
        fprintf(stderr, "fhirbus-topics: %s: %s\n", err.code, err.text);
    return fine ? 0 : 1;
}
