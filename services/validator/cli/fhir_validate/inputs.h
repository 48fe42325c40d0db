/* inputs - files and folders of the command line -> the list of what is validated, in order.
 *
 * Rule:    a folder stands for the *.json files in it and in its folders, by name; hidden ones are
 *          left out. What cannot be opened is in the list, too: reading it fails, visibly. */
#pragma once
#include "common/base/buf.h"

typedef struct Inputs {
    char **paths;
    size_t count, room;
    bool any_unreadable; /* a folder without a *.json, or that cannot be listed: said on stderr */
} Inputs;

bool inputs_expand(const char *const *given, size_t count, Inputs *ret_inputs); /* false: memory */
void inputs_free(Inputs *inputs);
/* The whole file ("-": standard input) into `buf`; false: errno. */
bool input_read(const char *path, Buf *buf);
