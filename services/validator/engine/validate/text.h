/* text - a growing text in an arena: paths, sentences, the OperationOutcome.
 *
 * Owner:   the arena. Past its limit the text stays as it was and `full` is set: look once, at the
 *          end. While a text grows nothing else should be allocated (growing is in place then). */
#pragma once
#include "common/base/arena.h"

typedef struct Text {
    Arena *arena;
    char *data;
    size_t len;
    size_t room;
    bool full;
} Text;

void text_init(Text *text, Arena *arena, size_t room);
void text_add(Text *text, Str s);
void text_add_char(Text *text, char c);
void text_add_number(Text *text, uint64_t n);
/* As the inside of a JSON string. Texts come from a document that was read, so they are UTF-8. */
void text_add_json(Text *text, Str s);
/* At most `max` bytes of s, cut between characters, with "..." if something is missing. */
void text_add_clipped(Text *text, Str s, size_t max);
/* a, b and c one behind the other; STR_NONE past the limit. */
Str text_join(Arena *arena, Str a, Str b, Str c);
Str text_str(const Text *text); /* STR_NONE if full */
