/* messages - what can be found: the Java core's message ids, issue codes, our own words.
 *
 * Owner:   static tables. Threads: pure.
 *
 * The ids are those of the HL7 Java core (java-core-messageId); an empty id is one that the Java
 * core gives none for. The words are ours; {0}..{3} are the finding's texts. */
#pragma once
#include "common/base/str.h"

typedef enum Message {
#define MESSAGE(name, id, code, text) name,
#include "services/validator/engine/validate/messages.inc"
#undef MESSAGE
    MESSAGE_COUNT,
} Message;

typedef struct MessageText {
    const char *id;   /* "" : none */
    const char *code; /* OperationOutcome.issue.code */
    const char *text;
} MessageText;
const MessageText *message_text(Message message);
