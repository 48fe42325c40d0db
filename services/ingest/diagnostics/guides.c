/* GET /admin/api/diagnostics/images: what validators have loaded, as they last said; and by which
 * guide versions documents were judged, from sums. */
#include "services/ingest/diagnostics/guides.h"

#include "services/ingest/diagnostics/flows.h"
#include "services/ingest/diagnostics/tell.h"

/* $1 scope. Facets that may be seen, their days' sums; first and last by an index each. Which
 * instances have loaded what is for those who see all tenants. */
const DbStatement guides_used = {
    "guides-used",
    "WITH f AS MATERIALIZED (SELECT facet_id, ig_version FROM fhirbus.facet WHERE ig_version <> ''"
    "   AND (nullif($1::text, '{*}') IS NULL OR tenant = ANY (nullif($1::text, '{*}')::text[]))),"
    " n AS (SELECT f.ig_version, sum(c.n)::bigint AS n FROM f JOIN fhirbus.grid_count c"
    "   ON c.step = 86400 AND c.facet_id = f.facet_id GROUP BY 1 HAVING sum(c.n) > 0),"
    " t AS (SELECT f.ig_version, min(a.first) AS first, max(a.last) AS last FROM f"
    "   CROSS JOIN LATERAL (SELECT min(g.received_at) AS first, max(g.received_at) AS last"
    "     FROM fhirbus.grid g WHERE g.facet_id = f.facet_id) a GROUP BY 1)"
    " SELECT json_build_object('images', (SELECT coalesce(json_agg(json_build_object('ig_name', "
    "v.ig_name,"
    "   'ig_version', n.ig_version, 'engine_version', v.engine_version, 'verdicts', n.n,"
    "   'first_used', fhirbus.iso(t.first), 'last_used', fhirbus.iso(t.last))"
    "   ORDER BY t.last DESC), '[]')"
    " FROM n JOIN t USING (ig_version) LEFT JOIN LATERAL ("
    "   SELECT w.ig_name, w.engine_version FROM f JOIN fhirbus.grid g ON g.facet_id = f.facet_id"
    "     AND g.received_at = t.last JOIN fhirbus.verdict w ON w.interaction_id = g.interaction_id"
    "     AND w.tenant = g.tenant AND w.received_at = g.received_at"
    "   WHERE f.ig_version = n.ig_version AND w.ig_version = n.ig_version LIMIT 1) v ON true),"
    " 'loaded', l.told -> 'loaded', 'validators', l.told -> 'validators')::text"
    " FROM (SELECT fhirbus.loaded(nullif($1::text, '{*}') IS NULL) AS told) l"};

static StepNext read_guides(Exchange *exchange, Question *base)
{
    tell_begin((TellQuestion *)base, exchange);
    return STEP_NEXT;
}

static bool run_guides(Question *base, Db *db, Arena *arena, Err *err)
{
    TellQuestion *question = (TellQuestion *)base;
    DbParams params;
    db_params_init(&params, arena);
    db_text(&params, question->scope);
    return tell_run(question, db, &guides_used, &params, err);
}

StepNext step_guides(Exchange *exchange)
{
    static const LookupStep step = {sizeof(TellQuestion), run_guides, tell_clear, read_guides,
                                    tell_json};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
