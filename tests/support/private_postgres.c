#include "tests/support/private_postgres.h"

#include <unistd.h>

/* tests/support/postgres VERB DIR ARGUMENT */
static bool run(const char *verb, const char *dir, const char *argument)
{
    char command[512];
    snprintf(command, sizeof command, "tests/support/postgres %s %s %s", verb, dir, argument);
    return system(command) == 0; /* NOLINT(cert-env33-c): our own script, our own words */
}

bool private_postgres_start(PrivatePostgres *pg)
{
    char path[96], line[128];
    *pg = (PrivatePostgres){0};
    snprintf(pg->dir, sizeof pg->dir, "/tmp/fhirbus-test-pg-%d", (int)getpid());
    run("stop", pg->dir, ">/dev/null");
    snprintf(path, sizeof path, "/tmp/fhirbus-test-pg-%d.env", (int)getpid());
    snprintf(line, sizeof line, ">%s", path);
    bool started = run("start", pg->dir, line);
    FILE *env = fopen(path, "re");
    while (env && fgets(line, sizeof line, env)) {
        if (!started)
            printf("# %s", line);
        sscanf(line, "export PGPORT=%7[0-9]", pg->port);
    }
    if (env)
        fclose(env);
    unlink(path);
    pg->config = (DbConfig){.host = "127.0.0.1",
                            .port = pg->port,
                            .database = "postgres",
                            .user = "postgres",
                            .connect_timeout_ms = 5000,
                            .timeout_ms = 10000};
    return started && pg->port[0];
}

bool private_postgres_halt(PrivatePostgres *pg, const char *mode)
{
    char argument[32];
    snprintf(argument, sizeof argument, "%s >/dev/null", mode);
    return run("halt", pg->dir, argument);
}

bool private_postgres_restart(PrivatePostgres *pg)
{
    return run("restart", pg->dir, ">/dev/null");
}

void private_postgres_stop(PrivatePostgres *pg)
{
    run("stop", pg->dir, ">/dev/null");
}

bool private_postgres_migrate(const PrivatePostgres *pg)
{
    const char *out = getenv("OUT");
    char command[256];
    snprintf(
        command, sizeof command,
        "DB_TLS=disable DB_USER=postgres DB_NAME=postgres DB_PORT=%s %s/bin/fhirbus-migrate up "
        ">/dev/null",
        pg->port, out ? out : "build/release");
    return system(command) == 0; /* NOLINT(cert-env33-c): our own script, our own words */
}
