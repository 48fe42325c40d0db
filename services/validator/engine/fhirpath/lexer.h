/* lexer - the text of an expression -> tokens.
 *
 * Spec:    hl7.org/fhirpath/N1 grammar (lexical rules).
 * Owner:   tokens point into the text or, decoded, into the arena.
 * Errors:  ERR_INPUT "fhirpath-syntax" with the place and what was expected. */
#pragma once
#include "services/validator/engine/fhirpath/fhirpath.h"

typedef enum FpTokenKind {
    FP_TOKEN_END,
    FP_TOKEN_NAME,      /* identifier or word operator: text */
    FP_TOKEN_DELIMITED, /* `identifier`: text is decoded */
    FP_TOKEN_STRING,    /* text is decoded */
    FP_TOKEN_INTEGER,
    FP_TOKEN_DECIMAL,
    FP_TOKEN_DATE_TIME, /* text without '@' */
    FP_TOKEN_VARIABLE,  /* text without '%' */
    FP_TOKEN_DOLLAR,    /* $this ...: text without '$' */
    FP_TOKEN_SYMBOL,    /* text: one or two characters */
} FpTokenKind;

typedef struct FpToken {
    FpTokenKind kind;
    Str text;
    uint32_t at;
    uint32_t end;
} FpToken;

typedef struct FpLexer {
    Str source;
    uint32_t cursor;
    FhirpathDialect dialect;
    Arena *arena;
    FhirpathAt *ret_at;
    Err *err;
} FpLexer;

bool fp_lexer_next(FpLexer *lexer, FpToken *ret_token);
/* Fills err and ret_at, yields false. Text says what was found and what was expected. */
bool fp_syntax(FpLexer *lexer, uint32_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
