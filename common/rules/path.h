/* path - does the place of an issue fit a pattern?
 *
 * Spec:    docs/rules.md "Paths": names joined by '.'; name[2] is that one, name any of them;
 *          resource(Patient) is a resource of that type; '*' one step, '**' any number, also none.
 * Owner:   both live in the caller's arena; names point into the texts they were cut from.
 * Limits:  PATH_STEPS_MAX steps of a place; a deeper one is cut there. */
#pragma once
#include "common/rules/rules.h"

enum { PATH_STEPS_MAX = 300 };

typedef struct PathStep {
    Str name;      /* without index; empty in a pattern: any */
    Str type;      /* of the resource, where it is said */
    int32_t index; /* -1: none said */
    bool deep;     /* '**' */
} PathStep;

struct PathPattern {
    const PathStep *steps;
    size_t count;
};

/* A place as Issue.location or .expression has it, cut into steps. */
typedef struct PathPlace {
    const PathStep *steps;
    size_t count;
} PathPlace;

/* NULL and *ret_why when it is none. */
const PathPattern *path_pattern(Str text, Arena *arena, const char **ret_why);
bool path_place(Str location, Arena *arena, PathPlace *ret_place) MUST_USE;
bool path_fits(const PathPattern *pattern, const PathPlace *place);
