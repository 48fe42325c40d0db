#include "services/ingest/read/rows.h"

#include "common/json/write.h"
#include "services/ingest/diagnostics/grid.h"
#include "services/ingest/read/csv.h"

typedef struct Column {
    const char *name;
    bool bare;    /* in JSON: without quotes */
    bool patient; /* shown as MASK to people, unless they ask for it and may */
} Column;
#define MASK STR("\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2")

/* In the order of INTERACTION_COLUMNS_OF. */
static const Column columns[] = {
    {"interaction_id",        false, false},
    {"tenant_id",             false, false},
    {"received_at",           false, false},
    {"state",                 false, false},
    {"state_at",              false, false},
    {"source_type",           false, false},
    {"uri",                   false, false},
    {"lane",                  false, false},
    {"disposition",           false, false},
    {"is_bundle_valid",       true,  false},
    {"errors",                true,  false},
    {"warnings",              true,  false},
    {"information",           true,  false},
    {"precheck_code",         false, false},
    {"profile_url",           false, false},
    {"ig_version",            false, false},
    {"bundle_id",             false, false},
    {"bundle_type",           false, false},
    {"patient_id",            false, true },
    {"patient_mrn",           false, true },
    {"medicaid_cin",          false, true },
    {"organization_id",       false, false},
    {"organization_name",     false, false},
    {"correlation_id",        false, false},
    {"group_interaction_id",  false, false},
    {"master_interaction_id", false, false},
    {"payload_bytes",         true,  false},
    {"payload_sha256",        false, false},
    {"replay_id",             false, false},
};
enum { COLUMN_COUNT = sizeof columns / sizeof columns[0], KEY_COLUMN = COLUMN_COUNT };

/* What the grid has beside them, behind received_at and the key. */
static const Column grid_columns[] = {
    {"sender",      false, false},
    {"verdict_ms",  true,  false},
    {"complete_ms", true,  false},
    {"changed",     true,  false},
};
enum { GRID_COLUMN_COUNT = sizeof grid_columns / sizeof grid_columns[0] };

int row_key_column(void)
{
    return KEY_COLUMN;
}

static size_t column_count(const RowForm *form)
{
    return (size_t)COLUMN_COUNT + (form->grid ? (size_t)GRID_COLUMN_COUNT : 0);
}

static const Column *column_at(size_t i)
{
    return i < COLUMN_COUNT ? &columns[i] : &grid_columns[i - COLUMN_COUNT];
}

/* Where it stands in the result. */
static int place_of(size_t i)
{
    return i < COLUMN_COUNT ? (int)i : (int)(i - COLUMN_COUNT) + KEY_COLUMN + GRID_SENDER;
}

static Str shown(const RowForm *form, const DbResult *result, size_t row, size_t i)
{
    bool masked = column_at(i)->patient && !form->unmasked;
    return masked ? MASK : db_get_text(result, row, place_of(i));
}

void row_add_json(const RowForm *form, Buf *out, const DbResult *result, size_t row)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < column_count(form); i++) {
        buf_add_format(out, "%s\"%s\":", i ? "," : "", column_at(i)->name);
        if (db_is_null(result, row, place_of(i)))
            buf_add(out, STR("null"));
        else if (column_at(i)->bare)
            buf_add(out, db_get_text(result, row, place_of(i)));
        else
            json_write_string(out, shown(form, result, row, i));
    }
    buf_add_char(out, '}');
}

void row_add_csv(const RowForm *form, Buf *out, const DbResult *result, size_t row)
{
    for (size_t i = 0; i < column_count(form); i++) {
        if (i)
            buf_add_char(out, ',');
        if (!db_is_null(result, row, place_of(i)))
            csv_add_cell(out, shown(form, result, row, i));
    }
    buf_add(out, STR("\r\n"));
}

void row_add_csv_header(const RowForm *form, Buf *out)
{
    for (size_t i = 0; i < column_count(form); i++)
        buf_add_format(out, "%s%s", i ? "," : "", column_at(i)->name);
    buf_add(out, STR("\r\n"));
}
