/* texts - lists and pairs of texts, as this library's objects hold them. */
#pragma once
#include "common/catalog/fields.h"

typedef FieldTexts AuthTexts;
typedef FieldPairs AuthPairs;
