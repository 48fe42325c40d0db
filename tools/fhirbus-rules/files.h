/* files - rule files: read, checked, complained about with their place.
 *
 * Owner:   the caller clears the Buf and frees the set. Complaints go to stderr. */
#pragma once
#include "common/base/buf.h"
#include "common/rules/rules.h"

bool file_read(const char *path, size_t bytes_max, Buf *out);
/* "FILE:7:12: dispositions[0].when.payload: ..." when it is refused. */
bool rules_file_check(const char *path, Str text, RuleSet **ret_set);
