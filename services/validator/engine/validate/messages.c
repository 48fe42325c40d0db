#include "services/validator/engine/validate/messages.h"

static const MessageText messages[MESSAGE_COUNT] = {
#define MESSAGE(name, id, code, text) [name] = {id, code, text},
#include "services/validator/engine/validate/messages.inc"
#undef MESSAGE
};

const MessageText *message_text(Message message)
{
    return &messages[message];
}
