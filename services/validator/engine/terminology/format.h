/* format - the compiled terminology, byte for byte: terminology's private matter.
 *
 * Owner:   rows lie in the caller's bytes, 8-byte aligned.
 * Threads: immutable.
 * Limits:  32-bit offsets from the header's start; no pointers.
 *
 * A code system's codes are rows [first_code, first_code + code_count); a code's number within its
 * system is its ordinal. Codes that only value sets name have no TX_CODE_DEFINED. */
#pragma once
#include "services/validator/engine/terminology/terminology.h"

#define TX_MAGIC "fbterm03"
enum { TX_BYTE_ORDER = 0x01020304, TX_HAS_SUPPLEMENTS = 2 };

typedef struct TxText {
    uint32_t at, len; /* in the pool; at counts from the pool's start */
} TxText;

typedef struct TxSpan {
    uint32_t at, count; /* byte offset from the header, elements */
} TxSpan;

typedef struct TxHeader {
    char magic[8];
    uint32_t byte_order;
    uint32_t bytes; /* of all */
    uint32_t flags; /* TERMINOLOGY_LENIENT, TX_HAS_SUPPLEMENTS */
    uint32_t spare;
    TxSpan systems;      /* TxSystemRow */
    TxSpan sets;         /* TxSetRow */
    TxSpan names;        /* TxName: url and url|version of both */
    TxSpan system_slots; /* uint32_t, a power of two: name + 1 by hash, 0 is free */
    TxSpan set_slots;
    TxSpan codes;        /* TxCodeRow */
    TxSpan code_slots;   /* uint32_t: ordinal + 1 in the low 24 bits, 8 bits of the hash above */
    TxSpan parts;        /* TxPart */
    TxSpan words;        /* uint32_t: ordinals, or bitmaps */
    TxSpan designations; /* TxDesignation, by code */
    TxSpan pool;         /* bytes */
} TxHeader;

typedef struct TxName {
    TxText text;
    uint32_t index; /* of the system or set */
} TxName;

enum { TX_ORDINAL_MASK = 0xffffff, TX_CODES_MAX = 0xfffffe };

typedef enum TxGrammar {
    TX_GRAMMAR_NONE,
    TX_GRAMMAR_UCUM,
    TX_GRAMMAR_LANGUAGE, /* BCP-47 */
    TX_GRAMMAR_MIME,
} TxGrammar;

typedef struct TxSystemRow {
    TxText url, version, name;
    uint32_t first_code, code_count;
    uint32_t first_slot, slot_count; /* a power of two */
    uint8_t content;                 /* TxContent */
    uint8_t grammar;                 /* TxGrammar */
    uint8_t case_sensitive;
    uint8_t hierarchical;
    uint8_t supplement; /* it adds to another system: no coding may name it */
    uint8_t spare[3];
} TxSystemRow;

enum { TX_CODE_DEFINED = 1, TX_CODE_ABSTRACT = 2, TX_CODE_INACTIVE = 4, TX_CODE_DESIGNATED = 8 };

typedef struct TxCodeRow {
    uint32_t text_at;
    uint32_t display_at;
    uint16_t text_len;
    uint16_t display_len;
    uint32_t parent; /* ordinal; TX_NONE */
    uint32_t flags;
} TxCodeRow;

/* Hash of a code with ASCII letters folded: for systems that ignore case. */
uint64_t tx_hash_folded(Str code);
/* Is `code` of this grammar? Never for TX_GRAMMAR_NONE. */
bool tx_grammar_accepts(TxGrammar grammar, Str code);

typedef struct TxDesignation {
    uint32_t code; /* row, not ordinal */
    TxText text;
} TxDesignation;

/* Value sets that HAPI's terminology answers by their url, before their content. */
typedef enum TxSpecial {
    TX_SPECIAL_NONE,
    TX_SPECIAL_LANGUAGES, /* enumerated codes only, any system */
    TX_SPECIAL_ALL_LANGUAGES,
    TX_SPECIAL_MIME,
    TX_SPECIAL_UCUM,
    TX_SPECIAL_CURRENCIES,
    TX_SPECIAL_USPS,
} TxSpecial;

typedef struct TxSetRow {
    TxText url, version, title;
    uint32_t first_part, part_count;
    uint32_t only_system;         /* of its single include; TX_NONE */
    uint8_t special;              /* TxSpecial */
    uint8_t incomplete;           /* something of it could not be expanded, of whatever system */
    uint8_t only_version_unknown; /* its single include asks for a version that is not loaded */
    uint8_t spare;
} TxSetRow;

typedef enum TxPartKind {
    TX_PART_NONE,
    TX_PART_ALL,    /* every defined code, or whatever the grammar allows */
    TX_PART_LIST,   /* sorted ordinals */
    TX_PART_BITMAP, /* one bit an ordinal */
} TxPartKind;

typedef struct TxPart { /* the codes of one system in one set */
    uint32_t system;
    uint8_t kind;       /* TxPartKind */
    uint8_t fails;      /* what is not in it cannot be answered: its system is not loaded */
    uint8_t enumerated; /* some include lists codes of it */
    uint8_t spare;
    uint32_t first_word, word_count;
} TxPart;

/* --- read.c, for check.c --- */

TxSpecial tx_special(const Terminology *tx, TxValueSet set);
bool tx_is_lenient(const Terminology *tx);
/* The url of the last system of the set that is not loaded, or STR_NONE. */
Str tx_missing_system(const Terminology *tx, TxValueSet set);
/* Membership and existence; `found` is what terminology_system() says of the system. `exact`: with
 * letter case as written, whatever the system says of it. */
TxAnswer tx_contains(const Terminology *tx, TxValueSet set, Str system, TxSystem found, Str code,
                     bool exact);
TxAnswer tx_code(const Terminology *tx, TxSystem found, Str code, bool exact);
/* Does a loaded system of the set have that code in it? */
bool tx_loaded_part_has(const Terminology *tx, TxValueSet set, Str code, bool exact);
/* The single include asks for a version of its system that is not loaded: nothing is said of the
 * system's codes then. */
bool tx_version_is_unknown(const Terminology *tx, TxValueSet set);
