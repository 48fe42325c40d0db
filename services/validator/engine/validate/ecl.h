/* ecl - is a text an Expression Constraint of SNOMED CT? Its form alone: no concept is looked up.
 *
 * Spec:    confluence "SNOMED CT Expression Constraint Language" 2.2. Filters in double braces and
 *          history supplements are passed over.
 * Limits:  64 levels of parentheses. */
#pragma once
#include "common/base/str.h"

bool is_ecl_expression(Str text);
