#include "tools/fhirbus-rules/files.h"

#include <stdio.h>

bool file_read(const char *path, size_t bytes_max, Buf *out)
{
    char block[65536];
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "fhirbus-rules: ");
        perror(path);
        return false;
    }
    buf_init(out, bytes_max);
    for (size_t len; (len = fread(block, 1, sizeof block, file)) > 0;)
        if (!buf_add(out, (Str){block, len}))
            break;
    bool fine = !ferror(file) && !out->overflowed;
    fclose(file);
    if (!fine)
        fprintf(stderr, "fhirbus-rules: %s: cannot be read, or is larger than %zu bytes\n", path,
                bytes_max);
    return fine;
}

bool rules_file_check(const char *path, Str text, RuleSet **ret_set)
{
    RulesProblem problem = {0};
    Err err = {0};
    if (rules_read(text, ret_set, &problem, &err))
        return true;
    fprintf(stderr, "%s:%u:%u: %s%s%s (%s)\n", path, problem.at.line, problem.at.column,
            problem.where, problem.where[0] ? ": " : "", problem.text[0] ? problem.text : err.text,
            err.code);
    return false;
}
