/* mask - a document that may be looked at without being read: same length, same lines, same
 * structure.
 *
 * In JSON letters of text values become x, digits 0, and digits of numbers 1, so that it stays
 * JSON; members that name things (resourceType, url, system, code, ...) stay, and so do booleans.
 * Of what is no JSON though its sender says so, letters outside of strings become x.
 * Escapes become letters of the same width. In anything else (HL7 v2, CSV) all letters and digits
 * do, save the first three letters of a line that name an HL7 segment.
 * Bytes past ASCII become x each.
 * Threads: pure. */
#pragma once
#include "common/base/buf.h"

void mask_add(Buf *out, Str document, bool is_json);

/* Each value that mask_add would mask: `escaped` as JSON writes it. A line's fields one by one. */
typedef void (*MaskOnHidden)(void *context, Str value, bool escaped);
void mask_hidden(Str document, bool is_json, MaskOnHidden on_hidden, void *context);

/* What stands for one character. */
char mask_char(char c);
/* Its values say what kind of thing something is. */
bool mask_is_open(Str member);
/* The index behind the closing quote of the string that begins at `at`, or the end. */
size_t mask_string_end(Str text, size_t at);
/* A colon follows the string that ends there. */
bool mask_is_name(Str text, size_t end);
