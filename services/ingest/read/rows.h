/* rows - an interaction of a list, as JSON or as a line of CSV. The columns are those of columns.h,
 * and with `grid` those behind them (grid.h).
 *
 * Threads: pure. Errors: the Buf's own `overflowed`. */
#pragma once
#include "common/base/buf.h"
#include "common/db/db.h"

typedef struct RowForm {
    bool grid;
    bool unmasked; /* patients' identifiers are shown */
} RowForm;

int row_key_column(void); /* received_at once more, for the cursor */
void row_add_json(const RowForm *form, Buf *out, const DbResult *result, size_t row);
void row_add_csv(const RowForm *form, Buf *out, const DbResult *result, size_t row);
void row_add_csv_header(const RowForm *form, Buf *out);
