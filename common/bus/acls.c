#include "common/bus/acls.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/bus/admin.h"

enum { VISIBLE_POLL_MS = 50 };
#define EVERYBODY "User:*"

static const struct {
    unsigned bit;
    rd_kafka_AclOperation_t operation;
    const char *name;
} operations[] = {
    {ACL_READ,             RD_KAFKA_ACL_OPERATION_READ,             "read"            },
    {ACL_WRITE,            RD_KAFKA_ACL_OPERATION_WRITE,            "write"           },
    {ACL_CREATE,           RD_KAFKA_ACL_OPERATION_CREATE,           "create"          },
    {ACL_DELETE,           RD_KAFKA_ACL_OPERATION_DELETE,           "delete"          },
    {ACL_ALTER,            RD_KAFKA_ACL_OPERATION_ALTER,            "alter"           },
    {ACL_DESCRIBE,         RD_KAFKA_ACL_OPERATION_DESCRIBE,         "describe"        },
    {ACL_DESCRIBE_CONFIGS, RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS, "describe configs"},
    {ACL_ALTER_CONFIGS,    RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS,    "alter configs"   },
};
enum { OPERATION_COUNT = sizeof operations / sizeof operations[0] };

/* One thing that one principal may. */
typedef struct Rule {
    const char *principal;
    rd_kafka_ResourceType_t resource;
    char name[BUS_TOPIC_BYTES_MAX];
    bool prefixed;
    rd_kafka_AclOperation_t operation;
    bool there; /* the brokers have it */
} Rule;

typedef struct Rules {
    Rule *list;
    size_t count;
} Rules;

typedef struct Job {
    Admin admin;
    Rules wanted;
    const AclRow *rows;
    size_t row_count;
    bool check_only, differs;
    void (*tell)(void *opaque, const AclReport *report);
    void *opaque;
} Job;

/* --- the list --------------------------------------------------------------------------------- */

static bool name_of(const Job *job, const AclRow *row, Rule *rule, Err *err)
{
    Str name = str_from(row->name);
    if (row->resource == ACL_CLUSTER) {
        snprintf(rule->name, sizeof rule->name, "kafka-cluster");
        return true;
    }
    rule->prefixed = str_ends(name, STR("*"));
    char plain[BUS_TOPIC_BYTES_MAX];
    snprintf(plain, sizeof plain, "%.*s", (int)(name.len - rule->prefixed), name.ptr);
    TRY(client_topic(&job->admin.client, plain, rule->name, err));
    if (rule->name[0])
        return true;
    snprintf(rule->name, sizeof rule->name, "*"); /* all there is, as Kafka writes it */
    rule->prefixed = false;
    return true;
}

static bool fill(Job *job, Err *err)
{
    static const rd_kafka_ResourceType_t types[] = {
        RD_KAFKA_RESOURCE_TOPIC, RD_KAFKA_RESOURCE_GROUP, RD_KAFKA_RESOURCE_BROKER};
    job->wanted.list = calloc(job->row_count * OPERATION_COUNT + 1, sizeof(Rule));
    CHECK(job->wanted.list);
    for (size_t i = 0; i < job->row_count; i++)
        for (size_t o = 0; o < OPERATION_COUNT; o++) {
            const AclRow *row = &job->rows[i];
            if (!(row->operations & operations[o].bit))
                continue;
            Rule *rule = &job->wanted.list[job->wanted.count++];
            *rule = (Rule){.principal = row->principal,
                           .resource = types[row->resource],
                           .operation = operations[o].operation};
            TRY(name_of(job, row, rule, err));
        }
    return true;
}

static bool is_named(const Job *job, const char *principal)
{
    for (size_t i = 0; i < job->row_count; i++)
        if (strcmp(job->rows[i].principal, principal) == 0)
            return true;
    return false;
}

/* --- telling ---------------------------------------------------------------------------------- */

static const char *operation_name(rd_kafka_AclOperation_t operation)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (operations[i].operation == operation)
            return operations[i].name;
    return rd_kafka_AclOperation_name(operation);
}

static void tell(Job *job, AclChange change, const Rule *rule)
{
    const AclReport report = {.change = change,
                              .principal = rule->principal,
                              .resource = rd_kafka_ResourceType_name(rule->resource),
                              .name = rule->name,
                              .operation = operation_name(rule->operation),
                              .prefixed = rule->prefixed};
    job->differs = job->differs || change == ACL_MISSING || change == ACL_EXTRA;
    if (job->tell)
        job->tell(job->opaque, &report);
}

/* --- what the brokers have -------------------------------------------------------------------- */

static rd_kafka_ResourcePatternType_t pattern_of(const Rule *rule)
{
    return rule->prefixed ? RD_KAFKA_RESOURCE_PATTERN_PREFIXED : RD_KAFKA_RESOURCE_PATTERN_LITERAL;
}

static Rule rule_of(const rd_kafka_AclBinding_t *binding)
{
    Rule rule = {.principal = rd_kafka_AclBinding_principal(binding),
                 .resource = rd_kafka_AclBinding_restype(binding),
                 .prefixed = rd_kafka_AclBinding_resource_pattern_type(binding) ==
                             RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
                 .operation = rd_kafka_AclBinding_operation(binding)};
    snprintf(rule.name, sizeof rule.name, "%s", rd_kafka_AclBinding_name(binding));
    return rule;
}

static bool allows_from_anywhere(const rd_kafka_AclBinding_t *binding)
{
    return rd_kafka_AclBinding_permission_type(binding) == RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW &&
           strcmp(rd_kafka_AclBinding_host(binding), "*") == 0;
}

static Rule *find(const Job *job, const Rule *rule)
{
    for (size_t i = 0; i < job->wanted.count; i++) {
        Rule *wanted = &job->wanted.list[i];
        if (strcmp(wanted->principal, rule->principal) == 0 && wanted->resource == rule->resource &&
            wanted->prefixed == rule->prefixed && wanted->operation == rule->operation &&
            strcmp(wanted->name, rule->name) == 0)
            return wanted;
    }
    return NULL;
}

static bool refused(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_SECURITY_DISABLED ||
           code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

static bool say_refused(Err *err, rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        return ERR(err, ERR_FATAL, "acl-refused",
                   "not authorised: the brokers do not let this principal see, or change, who may "
                   "what");
    return ERR(err, ERR_FATAL, "acl-refused", "%s", rd_kafka_err2str(code));
}

/* librdkafka 2.0 keeps an error of DescribeAcls to itself: nobody's rules look like rules that may
 * not be seen. Taking away a rule that there is not tells: it wants a right that whoever sees no
 * rule at all has only as a super user. */
static bool may_see(Job *job, Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    size_t count = 0;
    rd_kafka_AclBindingFilter_t *none = rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_TOPIC, "fhirbus-nothing", RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        "User:fhirbus-nobody", "*", RD_KAFKA_ACL_OPERATION_READ, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
        why, sizeof why);
    rd_kafka_AdminOptions_t *options = admin_options(&job->admin, RD_KAFKA_ADMIN_OP_DELETEACLS);
    CHECK(none);
    rd_kafka_DeleteAcls(job->admin.rk, &none, 1, options, job->admin.queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_AclBinding_destroy(none);
    rd_kafka_event_t *event = admin_answer(&job->admin, "reading who may what", err);
    if (!event)
        return false;
    const rd_kafka_DeleteAcls_result_response_t **each =
        rd_kafka_DeleteAcls_result_responses(rd_kafka_event_DeleteAcls_result(event), &count);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count && !code; i++)
        code = rd_kafka_error_code(rd_kafka_DeleteAcls_result_response_error(each[i]));
    rd_kafka_event_destroy(event);
    return !code || say_refused(err, code);
}

static rd_kafka_event_t *describe(Job *job, const rd_kafka_AclBinding_t ***ret_bindings,
                                  size_t *ret_count, Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    rd_kafka_AclBindingFilter_t *all = rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_ANY, NULL, RD_KAFKA_RESOURCE_PATTERN_ANY, NULL, NULL,
        RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, why, sizeof why);
    rd_kafka_AdminOptions_t *options = admin_options(&job->admin, RD_KAFKA_ADMIN_OP_DESCRIBEACLS);
    CHECK(all);
    rd_kafka_DescribeAcls(job->admin.rk, all, options, job->admin.queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_AclBinding_destroy(all);
    rd_kafka_event_t *event =
        rd_kafka_queue_poll(job->admin.queue, admin_left_ms(&job->admin) + 1000);
    if (!event) {
        (void)CLIENT_ERR(err, RD_KAFKA_RESP_ERR__TIMED_OUT, "reading who may what");
        return NULL;
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code) {
        (void)(refused(code) ? say_refused(err, code) : CLIENT_ERR(err, code, "acls"));
        rd_kafka_event_destroy(event);
        return NULL;
    }
    *ret_bindings =
        rd_kafka_DescribeAcls_result_acls(rd_kafka_event_DescribeAcls_result(event), ret_count);
    if (*ret_count || may_see(job, err))
        return event;
    rd_kafka_event_destroy(event);
    return NULL;
}

/* --- changing --------------------------------------------------------------------------------- */

static bool add_missing(Job *job, Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    size_t count = 0, results = 0;
    rd_kafka_AclBinding_t **bindings = calloc(job->wanted.count + 1, sizeof(void *));
    CHECK(bindings);
    for (size_t i = 0; i < job->wanted.count; i++) {
        const Rule *rule = &job->wanted.list[i];
        if (rule->there)
            continue;
        bindings[count] = rd_kafka_AclBinding_new(
            rule->resource, rule->name, pattern_of(rule), rule->principal, "*", rule->operation,
            RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, why, sizeof why);
        CHECK(bindings[count]);
        count++;
    }
    rd_kafka_AdminOptions_t *options = admin_options(&job->admin, RD_KAFKA_ADMIN_OP_CREATEACLS);
    if (count)
        rd_kafka_CreateAcls(job->admin.rk, bindings, count, options, job->admin.queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_AclBinding_destroy_array(bindings, count);
    free(bindings);
    rd_kafka_event_t *event = count ? admin_answer(&job->admin, "adding acls", err) : NULL;
    if (!event)
        return count == 0;
    const rd_kafka_acl_result_t **each =
        rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &results);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < results && !code; i++)
        code = rd_kafka_error_code(rd_kafka_acl_result_error(each[i]));
    rd_kafka_event_destroy(event);
    return !code || say_refused(err, code);
}

static bool take_away(Job *job, rd_kafka_AclBinding_t **extra, size_t count, Err *err)
{
    if (!count)
        return true;
    rd_kafka_AdminOptions_t *options = admin_options(&job->admin, RD_KAFKA_ADMIN_OP_DELETEACLS);
    rd_kafka_DeleteAcls(job->admin.rk, extra, count, options, job->admin.queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = admin_answer(&job->admin, "taking acls away", err);
    if (event)
        rd_kafka_event_destroy(event);
    return event != NULL;
}

/* What nobody asked for: *ret_filters are to be destroyed. */
static size_t sort_out(Job *job, const rd_kafka_AclBinding_t **bindings, size_t count,
                       rd_kafka_AclBinding_t **ret_filters)
{
    char why[BUS_ERRSTR_BYTES];
    size_t extra = 0;
    for (size_t i = 0; i < count; i++) {
        Rule rule = rule_of(bindings[i]);
        bool everybody = strcmp(rule.principal, EVERYBODY) == 0;
        Rule *wanted = allows_from_anywhere(bindings[i]) ? find(job, &rule) : NULL;
        if (wanted)
            wanted->there = true;
        else if (everybody)
            tell(job, ACL_EXTRA, &rule);
        else if (is_named(job, rule.principal)) {
            tell(job, job->check_only ? ACL_EXTRA : ACL_REMOVED, &rule);
            ret_filters[extra] = rd_kafka_AclBindingFilter_new(
                rule.resource, rule.name, pattern_of(&rule), rule.principal,
                rd_kafka_AclBinding_host(bindings[i]), rule.operation,
                rd_kafka_AclBinding_permission_type(bindings[i]), why, sizeof why);
            CHECK(ret_filters[extra]);
            extra++;
        }
    }
    return extra;
}

/* The brokers learn of a change a moment after it was acknowledged. */
static bool await_visible(Job *job, Err *err)
{
    for (size_t missing = 1; missing;) {
        const rd_kafka_AclBinding_t **bindings;
        size_t count;
        rd_kafka_event_t *event = describe(job, &bindings, &count, err);
        if (!event)
            return false;
        for (size_t i = 0; i < job->wanted.count; i++)
            job->wanted.list[i].there = false;
        for (size_t i = 0; i < count; i++) {
            Rule rule = rule_of(bindings[i]);
            Rule *wanted = allows_from_anywhere(bindings[i]) ? find(job, &rule) : NULL;
            if (wanted)
                wanted->there = true;
        }
        rd_kafka_event_destroy(event);
        missing = 0;
        for (size_t i = 0; i < job->wanted.count; i++)
            missing += !job->wanted.list[i].there;
        if (missing && admin_left_ms(&job->admin) <= 1)
            return ERR(err, ERR_RETRY, "bus-timeout", "%zu rules are not in force yet", missing);
        if (missing)
            usleep(VISIBLE_POLL_MS * 1000);
    }
    return true;
}

static bool settle(Job *job, Err *err)
{
    const rd_kafka_AclBinding_t **bindings;
    size_t count, missing = 0;
    rd_kafka_event_t *event = describe(job, &bindings, &count, err);
    if (!event)
        return false;
    rd_kafka_AclBinding_t **extra = calloc(count + 1, sizeof(void *));
    CHECK(extra);
    size_t extras = sort_out(job, bindings, count, extra);
    bool fine = job->check_only || take_away(job, extra, extras, err);
    rd_kafka_AclBinding_destroy_array(extra, extras);
    free(extra);
    rd_kafka_event_destroy(event);
    bool *was_there = calloc(job->wanted.count + 1, sizeof *was_there);
    CHECK(was_there);
    for (size_t i = 0; i < job->wanted.count; i++) {
        was_there[i] = job->wanted.list[i].there;
        missing += !was_there[i];
    }
    if (fine && missing && !job->check_only)
        fine = add_missing(job, err) && await_visible(job, err);
    for (size_t i = 0; i < job->wanted.count; i++)
        if (fine || was_there[i])
            tell(job,
                 was_there[i]      ? ACL_FINE
                 : job->check_only ? ACL_MISSING
                                   : ACL_ADDED,
                 &job->wanted.list[i]);
    free(was_there);
    return fine;
}

bool bus_acls_ensure(const BusConfig *config, const AclRow *rows, size_t count, bool check_only,
                     uint32_t timeout_ms, void (*tell_one)(void *opaque, const AclReport *report),
                     void *opaque, Err *err)
{
    Job job = {.rows = rows,
               .row_count = count,
               .check_only = check_only,
               .tell = tell_one,
               .opaque = opaque};
    CHECK(count <= ACLS_MAX);
    bool fine =
        admin_open(&job.admin, config, timeout_ms, err) && fill(&job, err) && settle(&job, err);
    if (fine && check_only && job.differs)
        fine = ERR(err, ERR_FATAL, "acl-differs", "the brokers permit something else");
    admin_close(&job.admin);
    free(job.wanted.list);
    return fine;
}
