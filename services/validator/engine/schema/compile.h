/* compile - the packages' StructureDefinitions -> the sections of an image.
 *
 * Owner:   the parts lie in `arena`.
 * Threads: one.
 * Errors:  ERR_INPUT "image-..." and what reading a package's files may give. A definition that
 *          cannot be compiled whole (an expression that does not parse, a profile that is missing)
 *          is no error: the walk reports what it could not check, as the Java core does. */
#pragma once
#include "services/validator/engine/image/image.h"
#include "services/validator/engine/package/package.h"
#include "services/validator/engine/schema/schema.h"

enum { SCHEMA_PARTS_MAX = 24 };

typedef struct SchemaCompiled {
    ImagePart parts[SCHEMA_PARTS_MAX];
    size_t part_count;
    uint32_t profile_count, node_count, expression_count;
    uint32_t problem_count; /* expressions and slices that cannot be evaluated */
} SchemaCompiled;

/* `terminology` is the one that will lie in the same image: bindings name its value sets.
 * `reference` is kept as it is. */
bool schema_compile(Packages *packages, const FhirModel *model, const Terminology *terminology,
                    uint32_t reference, Arena *arena, SchemaCompiled *ret_compiled,
                    Err *err) MUST_USE;
