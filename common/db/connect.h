/* connect - DbConfig -> libpq's keywords; within common/db only.
 *
 * Owner:   the texts point into `config` and into the struct itself. */
#pragma once
#include "common/db/db.h"

enum { DB_KEYWORDS_MAX = 20 };
typedef struct DbKeywords {
    const char *names[DB_KEYWORDS_MAX];
    const char *values[DB_KEYWORDS_MAX];
    char options[160];
    char tcp_user_timeout[24];
    char connect_timeout[24];
} DbKeywords;

/* statement_timeout_ms 0: none */
void db_keywords(const DbConfig *config, const char *application, uint64_t statement_timeout_ms,
                 uint64_t lock_timeout_ms, DbKeywords *ret);
/* One line of a libpq text; it names hosts and roles, never passwords. What a statement was told
 * may still stand there when the connection ends after it, and may quote values. */
Str db_first_line(const char *text);
