#include "services/ingest/admin/plain.h"

#include <assert.h>
#include <stdio.h>

#include "common/destinations/destination.h"
#include "common/destinations/topic.h"
#include "common/http/target.h"
#include "common/rules/rules.h"

/* --- rules ------------------------------------------------------------------------------------ */

/* Where in the file, then what: both of the whole problem, as far as there is room. */
static bool refuse_rules(AdminChange *change, const RulesProblem *problem, const Err *err)
{
    char text[sizeof change->text];
    static_assert(sizeof text > sizeof problem->where + sizeof problem->text + 64, "both fit");
    snprintf(text, sizeof text, "line %u column %u%s%s: %s", problem->at.line, problem->at.column,
             problem->where[0] ? ", " : "", problem->where,
             problem->text[0] ? problem->text : err->text);
    return admin_fail(change, 400, err->code, text);
}

static bool check_rules(AdminChange *change, Err *err)
{
    RuleSet *set = NULL;
    RulesProblem problem = {0};
    (void)err;
    Err why = {0};
    if (!rules_read(change->body, &set, &problem, &why))
        return refuse_rules(change, &problem, &why);
    bool same = str_eq(set->name, change->name);
    rules_free(set);
    return same ||
           admin_fail(change, 400, "rules-name", "\"name\" is not the name that the path says");
}

/* --- destinations ----------------------------------------------------------------------------- */

static bool check_destination(AdminChange *change, Err *err)
{
    Destination *destination = NULL;
    TRY(destination_read(change->name, change->body, &destination, err));
    destination_free(destination);
    return true;
}

/* Before the object, so that nobody publishes to a topic that is not there. */
static bool make_topic(AdminChange *change, Err *err)
{
    const IngestConfig *config = change->base.exchange->ingest->config;
    bool created;
    return destination_topic_ensure(&config->bus, &config->topics, change->name, false,
                                    (uint32_t)config->publish_timeout_ms, &created, err);
}

/* Documents that nobody would deliver any more are not left behind unsaid. */
static bool nothing_waits(AdminChange *change, Err *err)
{
    const IngestConfig *config = change->base.exchange->ingest->config;
    uint64_t waiting = 0;
    char text[200];
    if (change->force)
        return true;
    TRY(destination_waiting(&config->bus, change->name, (uint32_t)config->publish_timeout_ms,
                            &waiting, err));
    snprintf(text, sizeof text,
             "%llu documents wait for it and would stay undelivered. All the same: ?force=true",
             (unsigned long long)waiting);
    return waiting == 0 || admin_fail(change, 409, "destination-waited-for", text);
}

static const AdminPlain kinds[] = {
    {"rules",        check_rules,       NULL,       NULL         },
    {"destinations", check_destination, make_topic, nothing_waits},
};

const AdminPlain *admin_plain(Str kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (str_is(kind, kinds[i].name))
            return &kinds[i];
    return NULL;
}
