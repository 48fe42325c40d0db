#include "services/validator/cli/fhir_validate/show.h"

#define OUTCOME_FILE "http://hl7.org/fhir/StructureDefinition/operationoutcome-file"

/* The length of the UTF-8 character at `at`, 0 when there is none. */
static size_t utf8_length(Str text, size_t at)
{
    unsigned char c = (unsigned char)text.ptr[at];
    size_t len = c < 0x80                ? 1
                 : c >= 0xc2 && c < 0xe0 ? 2
                 : c >= 0xe0 && c < 0xf0 ? 3
                 : c >= 0xf0 && c < 0xf5 ? 4
                                         : 0;
    if (len > text.len - at)
        return 0;
    for (size_t i = 1; i < len; i++)
        if (((unsigned char)text.ptr[at + i] & 0xc0) != 0x80)
            return 0;
    unsigned char next = len > 1 ? (unsigned char)text.ptr[at + 1] : 0;
    bool odd = (c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f) ||
               (c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f);
    return odd ? 0 : len;
}

void show_json_string(Str text, Buf *out)
{
    buf_add_char(out, '"');
    for (size_t at = 0; at < text.len;) {
        size_t len = utf8_length(text, at);
        char c = text.ptr[at];
        if (len == 0)
            buf_add(out, STR("\xef\xbf\xbd"));
        else if (c == '"' || c == '\\')
            buf_add_format(out, "\\%c", c);
        else if (len == 1 && (unsigned char)c < 0x20)
            buf_add_format(out, "\\u%04x", (unsigned)c);
        else
            buf_add(out, (Str){text.ptr + at, len});
        at += len ? len : 1;
    }
    buf_add_char(out, '"');
}

/* The outcome with the file's name in it, as the HL7 validator gives it for several files. */
static void add_outcome_with_file(const Result *result, Buf *out)
{
    static const char head[] = "{\"resourceType\":\"OperationOutcome\",";
    buf_add(out, STR(head));
    buf_add(out, STR("\"extension\":[{\"url\":\"" OUTCOME_FILE "\",\"valueString\":"));
    show_json_string(str_from(result->path), out);
    buf_add(out, STR("}],"));
    buf_add(out, str_skip(result->outcome, sizeof head - 1));
}

void show_opening(const Look *look, Buf *out)
{
    if (look->format == FORMAT_SARIF)
        show_sarif_opening(out);
    if (look->format == FORMAT_JSON && look->many)
        buf_add(out, STR("{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[\n"));
}

static void show_ndjson(const Result *result, Buf *out)
{
    buf_add(out, STR("{\"file\":"));
    show_json_string(str_from(result->path), out);
    buf_add_format(out, ",\"valid\":%s,\"ms\":%.3f,\"outcome\":",
                   result->verdict && result->verdict->valid ? "true" : "false", result->ms);
    buf_add(out, result->outcome);
    buf_add(out, STR("}\n"));
}

static void show_json(const Look *look, const Result *result, bool is_first, Buf *out)
{
    if (!look->many) {
        buf_add(out, result->outcome);
        buf_add_char(out, '\n');
        return;
    }
    buf_add(out, is_first ? STR("{\"resource\":") : STR(",\n{\"resource\":"));
    add_outcome_with_file(result, out);
    buf_add_char(out, '}');
}

void show_result(const Look *look, const Result *result, bool is_first, Buf *out)
{
    switch (look->format) {
    case FORMAT_TEXT:
        show_as_text(look, result, out);
        break;
    case FORMAT_JSON:
        show_json(look, result, is_first, out);
        break;
    case FORMAT_NDJSON:
        show_ndjson(result, out);
        break;
    case FORMAT_SARIF:
        show_as_sarif(look, result, is_first, out);
        break;
    }
}

void show_closing(const Look *look, bool complete, Buf *out)
{
    if (look->format == FORMAT_SARIF)
        show_sarif_closing(complete, out);
    if (look->format == FORMAT_JSON && look->many)
        buf_add(out, STR("\n]}\n"));
}
