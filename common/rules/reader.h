/* reader - inside common/rules: walks a rule file and remembers where it is, for refusals. */
#pragma once
#include "common/rules/rules.h"

enum { READER_WHERE_BYTES = 160 };

typedef struct Reader {
    const JsonDoc *doc;
    Arena *arena; /* the set's */
    RuleSet *set;
    RulesProblem *problem;
    Err *err;
    char where[READER_WHERE_BYTES];
    CodeMap *maps;
    size_t map_count;
} Reader;

/* Fills problem and err, yields false. */
bool reader_refuse(Reader *reader, const JsonNode *at, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool reader_no_memory(Reader *reader);
/* Appends to `where`; give what it returns to reader_leave. */
size_t reader_enter(Reader *reader, Str name);
size_t reader_enter_index(Reader *reader, uint32_t index);
void reader_leave(Reader *reader, size_t mark);

#define NO_ISSUE_CODE "a code of OperationOutcome.issue.code is expected (\"business-rule\")"

/* One member of an object: how it is read into `to`. */
typedef struct Member {
    const char *name;
    bool (*read)(Reader *reader, const JsonNode *node, void *to);
    bool required;
} Member;
/* Every member must be in the table (which ends with {0}), none twice. */
bool reader_members(Reader *reader, const JsonNode *object, const Member *table, void *to);

bool reader_text(Reader *reader, const JsonNode *node, Str *ret_text); /* not empty */
bool reader_bool(Reader *reader, const JsonNode *node, bool *ret_value);
/* A text, or an array of texts. */
bool reader_list(Reader *reader, const JsonNode *node, StrList *ret_list);
bool reader_array(Reader *reader, const JsonNode *node, size_t most);
bool reader_fhirpath(Reader *reader, const JsonNode *node, Str *ret_text, Str *ret_code);
/* Like it, but evaluated on whatever element was found: nothing is known of its type. */
bool reader_fhirpath_anywhere(Reader *reader, const JsonNode *node, Str *ret_text, Str *ret_code);
static inline Str reader_json(const Reader *reader, const JsonNode *node) /* as written */
{
    return str_cut(reader->doc->source, node->at, node->end);
}

bool read_when(Reader *reader, const JsonNode *node, RuleSection section, RuleWhen *ret_when);
bool read_steps(Reader *reader, const JsonNode *node, TransformDo *ret_do);
bool read_concept_maps(Reader *reader, const JsonNode *node);
