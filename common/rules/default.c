#include "common/rules/rules.h"

#include <stdio.h>

/* common/rules/default.json, as it stands there. */
static const char file[] = ""
#include "rules_default.inc"
    ;

Str rules_default_file(void)
{
    return STR(file);
}

bool rules_read_default(RuleSet **ret_set, Err *err)
{
    RuleSet *set;
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    TRY(rules_read(rules_default_file(), &set, NULL, err));
    envelope_sha256(rules_default_file(), hash);
    snprintf(set->stamp, sizeof set->stamp, "default@builtin#%02x%02x%02x%02x", hash[0], hash[1],
             hash[2], hash[3]);
    *ret_set = set;
    return true;
}
