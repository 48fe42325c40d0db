/* story - the statements of story.c, for the connections that ask them. */
#pragma once
#include "common/db/db.h"

extern const DbStatement story_text, story_row, story_packed, story_engine;
