/* markup - does a text hold what a browser may take for HTML? */
#pragma once
#include "common/base/str.h"

/* <name> or <name attributes>, with another '<' behind it: as the Java core looks at texts. */
bool has_html_tags(Str text);
/* A tag, closing tag, comment or declaration that is not escaped by a backslash. */
bool has_markdown_tags(Str text);
