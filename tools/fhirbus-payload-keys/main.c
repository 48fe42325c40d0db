/* fhirbus-payload-keys: the keys under which stored payloads are encrypted: makes one, wraps the
 * data keys with it. */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/audit/audit.h"
#include "common/bus/bus_options.h"
#include "common/config/config.h"
#include "common/db/db_options.h"
#include "common/vault/vault.h"

enum { PAGE = 200, ARENA_BYTES = 16 << 20 };

typedef struct ToolConfig {
    BusConfig bus;
    DbConfig db;
    const char *keys, *command;
    uint64_t command_timeout_ms;
} ToolConfig;

#define OPT(...) CONFIG_OPTION(ToolConfig, __VA_ARGS__)
static const ConfigOption options[] = {
    BUS_OPTIONS(ToolConfig, bus),
    DB_OPTIONS(ToolConfig, db, "fhirbus_ingest"),
    OPT("PAYLOAD_KEYS", CONFIG_TEXT, keys, NULL, "the folder of keys, as the services have it"),
    OPT("PAYLOAD_KMS_COMMAND", CONFIG_TEXT, command, NULL, "instead of the folder"),
    OPT("PAYLOAD_KMS_TIMEOUT_MS", CONFIG_UINT, command_timeout_ms, "15000",
        "a call of it that takes longer is given up", .min = 100, .max = 300000),
    {0},
};

static const char usage[] =
    "  new FOLDER NAME   makes NAME.key, only for its owner, and the first one active\n"
    "  status            how many data keys each key has wrapped, and which is active\n"
    "  rotate            wraps every data key with the active one; may be interrupted and "
    "repeated\n"
    "Exit code: 0 done, 1 not possible, 2 wrong use.\n";

static const DbStatement by_key = {
    "payload-keys", "SELECT wrapped_by, count(*), max(wrapped_at)::text FROM fhirbus.data_key "
                    "GROUP BY 1 ORDER BY 1"};
static const DbStatement others = {"payload-keys-others",
                                   "SELECT id, wrapped_by, wrapped FROM fhirbus.data_key "
                                   "WHERE wrapped_by <> $1 ORDER BY id LIMIT $2"};
static const DbStatement left = {"payload-keys-left",
                                 "SELECT count(*) FROM fhirbus.data_key WHERE wrapped_by <> $1"};
static const DbStatement rewrap = {"payload-keys-rewrap",
                                   "SELECT fhirbus.rewrap_data_key($1, $2, $3, $4)"};
static const DbStatement *const statements[] = {&by_key, &others, &left, &rewrap, NULL};

typedef struct Tool {
    ToolConfig config;
    Db *db;
    Kms kms;
    Arena *arena;
    uint64_t done;
} Tool;

static int complain(const Err *err)
{
    fprintf(stderr, "fhirbus-payload-keys: %s: %s\n", err->code, err->text);
    return 1;
}

static bool tell_audit(const Tool *tool, const char *operation, Str key, const Err *failed,
                       Err *err)
{
    char count[24];
    snprintf(count, sizeof count, "%llu", (unsigned long long)tool->done);
    const NameValue detail = {STR("data-keys"), str_from(count)};
    AuditRecord act =
        audit_act_record("fhirbus-payload-keys", "U", operation, key, audit_operator(NULL), failed);
    act.details = &detail;
    act.detail_count = 1;
    return audit_act(&tool->config.bus, &act, err);
}

/* --- new -------------------------------------------------------------------------------------- */

static bool write_new(const char *path, const char *text, size_t len, Err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool fine = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return fine || ERR(err, ERR_INPUT, "file", "%s: %s", path, strerrordesc_np(errno));
}

static int make_new(const char *folder, const char *name)
{
    unsigned char key[DATA_KEY_BYTES];
    char path[4096], hex[2 * DATA_KEY_BYTES + 2], line[KMS_NAME_MAX + 2];
    struct stat there;
    Err err = {0};
    if (!kms_name_valid(str_from(name))) {
        fprintf(stderr, "fhirbus-payload-keys: a name is of letters, digits, '.', '_' and '-'\n");
        return 2;
    }
    if (gnutls_rnd(GNUTLS_RND_KEY, key, sizeof key) != 0)
        return 1;
    for (size_t i = 0; i < sizeof key; i++)
        snprintf(hex + 2 * i, 3, "%02x", key[i]);
    hex[2 * DATA_KEY_BYTES] = '\n';
    snprintf(path, sizeof path, "%s/%s.key", folder, name);
    bool fine = write_new(path, hex, sizeof hex - 1, &err);
    explicit_bzero(key, sizeof key);
    explicit_bzero(hex, sizeof hex);
    if (!fine)
        return complain(&err);
    printf("made     %s\n", path);
    snprintf(path, sizeof path, "%s/active", folder);
    if (stat(path, &there) == 0) {
        printf("to wrap with it: write %s into %s everywhere, then rotate\n", name, path);
        return 0;
    }
    int len = snprintf(line, sizeof line, "%s\n", name);
    if (!write_new(path, line, (size_t)len, &err))
        return complain(&err);
    printf("active   %s\n", name);
    return 0;
}

/* --- status, rotate --------------------------------------------------------------------------- */

static bool ask(Tool *tool, const DbStatement *statement, const char *active, DbResult **ret_result,
                Err *err)
{
    DbParams params;
    arena_reset(tool->arena);
    db_params_init(&params, tool->arena);
    if (active)
        db_text(&params, str_from(active));
    if (statement == &others)
        db_bigint(&params, PAGE);
    return db_run(tool->db, statement, &params, ret_result, err);
}

static int status(Tool *tool)
{
    char active[KMS_NAME_MAX + 1];
    DbResult *result = NULL;
    Err err = {0};
    if (!tool->kms.active(tool->kms.self, active, &err) || !ask(tool, &by_key, NULL, &result, &err))
        return complain(&err);
    printf("active   %s\n", active);
    for (size_t i = 0; i < db_rows(result); i++)
        printf("wraps    %.*s %lld data keys, the last one at %.*s\n",
               STR_ARG(db_get_text(result, i, 0)), (long long)db_get_int(result, i, 1),
               STR_ARG(db_get_text(result, i, 2)));
    db_result_free(result);
    return 0;
}

static bool rewrap_one(Tool *tool, const DbResult *rows, size_t i, const char *active, Err *err)
{
    unsigned char key[DATA_KEY_BYTES];
    char name[KMS_NAME_MAX + 1] = "";
    DbParams params;
    Str by = db_get_text(rows, i, 1), wrapped;
    memcpy(name, by.ptr, by.len <= KMS_NAME_MAX ? by.len : 0);
    arena_reset(tool->arena);
    TRY(tool->kms.unwrap(tool->kms.self, name, db_get_text(rows, i, 2), key, err));
    bool fine = tool->kms.wrap(tool->kms.self, active, key, tool->arena, &wrapped, err);
    explicit_bzero(key, sizeof key);
    TRY(fine);
    db_params_init(&params, tool->arena);
    db_bytes(&params, db_get_text(rows, i, 0));
    db_bytes(&params, db_get_text(rows, i, 2));
    db_text(&params, str_from(active));
    db_bytes(&params, wrapped);
    TRY(db_run(tool->db, &rewrap, &params, NULL, err));
    tool->done++;
    return true;
}

static bool rotate_all(Tool *tool, const char *active, Err *err)
{
    for (;;) {
        DbResult *rows = NULL, *rest = NULL;
        TRY(ask(tool, &left, active, &rest, err));
        printf("%llu wrapped anew, %lld left\n", (unsigned long long)tool->done,
               (long long)db_get_int(rest, 0, 0));
        fflush(stdout);
        db_result_free(rest);
        TRY(ask(tool, &others, active, &rows, err));
        size_t count = db_rows(rows);
        bool fine = true;
        for (size_t i = 0; fine && i < count; i++)
            fine = rewrap_one(tool, rows, i, active, err);
        db_result_free(rows);
        if (!fine || count == 0)
            return fine;
    }
}

static int rotate(Tool *tool)
{
    char active[KMS_NAME_MAX + 1];
    Err err = {0}, unheard = {0};
    if (!tool->kms.active(tool->kms.self, active, &err))
        return complain(&err);
    bool fine = rotate_all(tool, active, &err);
    if (!tell_audit(tool, "rotate", str_from(active), fine ? NULL : &err, &unheard))
        complain(&unheard);
    if (!fine)
        return complain(&err);
    printf("all data keys are wrapped with %s; the others may go once no backup needs them\n",
           active);
    return 0;
}

static int run(Tool *tool, const char *verb)
{
    Err err = {0};
    bool is_status = strcmp(verb, "status") == 0;
    if (!is_status && strcmp(verb, "rotate") != 0) {
        fprintf(stderr, "fhirbus-payload-keys: new, status or rotate\n%s", usage);
        return 2;
    }
    if (!tool->config.keys && !tool->config.command) {
        fprintf(stderr, "fhirbus-payload-keys: PAYLOAD_KEYS or PAYLOAD_KMS_COMMAND is needed\n");
        return 2;
    }
    if (!(tool->config.command ? kms_of_command(tool->config.command,
                                                tool->config.command_timeout_ms, &tool->kms, &err)
                               : kms_of_folder(tool->config.keys, &tool->kms, &err)))
        return complain(&err);
    int code = is_status ? status(tool) : rotate(tool);
    tool->kms.close(tool->kms.self);
    return code;
}

int main(int argc, char **argv)
{
    static const ConfigProgram program = {
        .name = "fhirbus-payload-keys",
        .summary = "The keys under which stored payloads are encrypted.",
        .usage = usage,
        .options = options,
    };
    ARENA_AUTO arena = arena_new(1 << 20);
    Tool tool = {0};
    int next = 0;
    if (argc == 4 && strcmp(argv[1], "new") == 0) /* needs neither brokers nor database */
        return make_new(argv[2], argv[3]);
    ConfigStart start = config_start(&program, argc, argv, arena, &tool.config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    tool.config.bus.client_id = "fhirbus-payload-keys";
    Log *log = log_new(STDERR_FILENO, "fhirbus-payload-keys", LOG_WARN);
    tool.arena = arena_new(ARENA_BYTES);
    tool.db = db_new(&tool.config.db, statements, "fhirbus-payload-keys", log);
    int code = tool.arena && tool.db ? run(&tool, argc - next == 1 ? argv[next] : "") : 1;
    db_free(tool.db);
    arena_free(tool.arena);
    log_free(log);
    return code;
}
