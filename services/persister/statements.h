/* statements - every SQL statement of the persister. Parameters are listed where they are filled:
 * record.c and store.c. All bear repeating: what is there already stays as it is. */
#pragma once
#include "common/db/db.h"

extern const DbStatement sql_register;
extern const DbStatement sql_message;
extern const DbStatement sql_verdict;
extern const DbStatement sql_replay_verdict;
extern const DbStatement sql_replay_failure;
extern const DbStatement sql_delivery;
extern const DbStatement sql_notice;
extern const DbStatement sql_callback;
extern const DbStatement sql_loaded; /* filled in loaded.c */
extern const DbStatement sql_events;
extern const DbStatement *const store_statements[]; /* NULL-terminated */

extern const DbStatement sql_audit_append; /* filled in audit_lane.c */
extern const DbStatement *const audit_statements[];

extern const DbStatement sql_make_months;
extern const DbStatement sql_settle_defaults;
extern const DbStatement sql_default_rows;
extern const DbStatement sql_purge;
extern const DbStatement sql_keep_callbacks;
extern const DbStatement sql_drop_months;
extern const DbStatement sql_audit_months;
extern const DbStatement sql_purge_grid;
extern const DbStatement sql_purge_loaded;
extern const DbStatement *const upkeep_statements[];
extern const DbStatement sql_refresh_grid;
extern const DbStatement *const grid_statements[];
