#include "common/http/framing.h"

#include "common/http/fields.h"

static Framing refuse(unsigned status, const char *code, const char *text)
{
    return (Framing){.status = status, .code = code, .text = text};
}

static bool has_control(Str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool frames(Str name)
{
    return str_eq_ignore_case(name, STR("content-length")) ||
           str_eq_ignore_case(name, STR("transfer-encoding"));
}

/* spec: RFC 9110 section 5.5. */
Str framing_value(Str name, Str value)
{
    if (frames(name))
        return value;
    while (value.len && is_space(value.ptr[0]))
        value = str_skip(value, 1);
    while (value.len && is_space(value.ptr[value.len - 1]))
        value.len--;
    return value;
}

typedef struct Counted {
    size_t bytes;
    unsigned hosts, lengths, encodings;
    Str length, encoding;
} Counted;

static void count_field(const FramingField *field, Counted *counted)
{
    counted->bytes += field->name.len + field->value.len;
    if (str_eq_ignore_case(field->name, STR("host"))) {
        counted->hosts++;
    } else if (str_eq_ignore_case(field->name, STR("content-length"))) {
        counted->lengths++;
        counted->length = field->value;
    } else if (str_eq_ignore_case(field->name, STR("transfer-encoding"))) {
        counted->encodings++;
        counted->encoding = field->value;
    }
}

static Framing check_length(bool is_11, const Counted *counted)
{
    Framing good = {0};
    if (counted->encodings) {
        if (counted->lengths)
            return refuse(400, "framing-length-and-encoding",
                          "Content-Length and Transfer-Encoding exclude each other");
        if (!is_11)
            return refuse(400, "framing-encoding-in-1.0",
                          "Transfer-Encoding is not allowed in HTTP/1.0");
        if (counted->encodings > 1 || !str_eq_ignore_case(counted->encoding, STR("chunked")))
            return refuse(501, "framing-encoding", "Transfer-Encoding must be chunked");
        good.chunked = true;
    }
    if (counted->lengths > 1)
        return refuse(400, "framing-length-twice", "Content-Length is given more than once");
    if (counted->lengths && !str_to_u64(counted->length, &good.length))
        return refuse(400, "framing-length", "Content-Length is not a number");
    good.has_length = counted->lengths == 1;
    return good;
}

Framing framing_check(Str version, const FramingField *fields, size_t count,
                      const FramingLimits *limits)
{
    Counted counted = {0};
    bool is_11 = str_is(version, "HTTP/1.1");
    if (!is_11 && !str_is(version, "HTTP/1.0"))
        return refuse(505, "framing-version", "HTTP/1.1 please");
    if (count > limits->fields_max)
        return refuse(431, "framing-fields", "Too many header fields");
    for (size_t i = 0; i < count; i++) {
        if (!http_is_token(fields[i].name))
            return refuse(400, "framing-field-name", "A header field's name is malformed");
        if (has_control(fields[i].value))
            return refuse(400, "framing-field-value", "A header field's value is malformed");
        count_field(&fields[i], &counted);
    }
    if (counted.bytes > limits->field_bytes_max)
        return refuse(431, "framing-field-bytes", "The header fields are too large");
    if (counted.hosts > 1 || (is_11 && counted.hosts == 0))
        return refuse(400, "framing-host", "One Host header is required");
    return check_length(is_11, &counted);
}
