/* fhirbus-validator: wiring only. */
#include <unistd.h>

#include "services/validator/worker.h"

typedef struct Program {
    const ValidatorConfig *config;
    const Log *log;
} Program;

static int child(void *opaque, Supervisor *supervisor)
{
    const Program *program = opaque;
    return worker_run(program->config, program->log, supervisor);
}

static int run_alone(Program *program)
{
    Supervisor *alone = supervisor_alone();
    int code = alone ? child(program, alone) : 1;
    supervisor_alone_free(alone);
    return code;
}

int main(int argc, char **argv)
{
    static const ConfigProgram about = {
        .name = "fhirbus-validator",
        .summary =
            "Takes documents from intake, validates them, publishes verdicts to validated and "
            "response.",
        .options = validator_options,
    };
    ARENA_AUTO arena = arena_new(1 << 20);
    ValidatorConfig config = {0};
    int next = 0;
    ConfigStart start = config_start(&about, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : SUPERVISOR_REFUSED;
    Log *log = log_new(STDERR_FILENO, "validator", (LogLevel)config.log_level);
    config.bus.client_id = "fhirbus-validator";
    config.bus.log = log;
    Program program = {&config, log};
    const SupervisorOptions options = {
        .hang_limit_ms = (uint32_t)config.hang_limit_ms,
        .drain_limit_ms = (uint32_t)config.drain_ms,
        .log = log,
        .child = child,
        .opaque = &program,
    };
    int code = config.no_supervisor ? run_alone(&program) : supervisor_run(&options);
    log_free(log);
    return code;
}
