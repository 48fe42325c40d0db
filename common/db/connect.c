#include "common/db/connect.h"

#include "common/base/check.h"

static void put(DbKeywords *k, size_t *count, const char *name, const char *value)
{
    CHECK(*count + 1 < DB_KEYWORDS_MAX);
    k->names[*count] = name;
    k->values[(*count)++] = value;
    k->names[*count] = k->values[*count] = NULL;
}

void db_keywords(const DbConfig *c, const char *application, uint64_t statement_timeout_ms,
                 uint64_t lock_timeout_ms, DbKeywords *k)
{
    static const char *const modes[] = {"disable", "require", "verify-ca", "verify-full"};
    size_t n = 0;
    /* Every question is about few rows: compiling its plan would take longer than it. */
    snprintf(k->options, sizeof k->options,
             "-c timezone=UTC -c statement_timeout=%llu -c lock_timeout=%llu "
             "-c idle_in_transaction_session_timeout=60000 -c jit=off",
             (unsigned long long)statement_timeout_ms, (unsigned long long)lock_timeout_ms);
    snprintf(k->tcp_user_timeout, sizeof k->tcp_user_timeout, "%llu",
             (unsigned long long)c->timeout_ms);
    snprintf(k->connect_timeout, sizeof k->connect_timeout, "%llu",
             (unsigned long long)(c->connect_timeout_ms + 999) / 1000);
    put(k, &n, "host", c->host);
    put(k, &n, "port", c->port);
    put(k, &n, "dbname", c->database);
    put(k, &n, "user", c->user);
    put(k, &n, "password", c->password);
    put(k, &n, "sslmode", modes[c->tls]);
    put(k, &n, "sslrootcert", c->ca_file);
    put(k, &n, "sslcert", c->certificate_file);
    put(k, &n, "sslkey", c->key_file);
    put(k, &n, "options", k->options);
    put(k, &n, "fallback_application_name", application);
    put(k, &n, "target_session_attrs", "read-write");
    put(k, &n, "keepalives_idle", "10");
    put(k, &n, "keepalives_interval", "5");
    put(k, &n, "keepalives_count", "3");
    put(k, &n, "tcp_user_timeout", k->tcp_user_timeout);
    put(k, &n, "connect_timeout", k->connect_timeout);
    put(k, &n, "client_encoding", "UTF8");
}

Str db_first_line(const char *text)
{
    Str s = str_from(text);
    if (str_find(s, STR("ERROR:")) != SIZE_MAX)
        return STR("the connection ended after an error");
    return str_trim(str_cut(s, 0, str_find_char(s, '\n')));
}
