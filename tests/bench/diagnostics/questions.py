"""What the diagnostics pages ask the database, by classes: as services/ingest/diagnostics has it, with values put in."""
import itertools
import random

SORTS = ("received_at", "state_at", "errors", "warnings", "payload_bytes", "verdict_ms", "complete_ms")
FILTERS = {"tenant": ["qe-a", "qe-f", "qe-l"], "state": ["FAIL", "COMPLETE", "FORWARD", "DISPOSITION", "ACCEPT_FHIR_BUNDLE"],
           "source_type": ["FHIR", "HL7V2", "CSV"], "disposition": ["accept", "reject", "discard"],
           "ig_version": ["1.9.2", "1.8.1"], "valid": ["true", "false"],
           "period": ["1 hour", "1 day", "7 days", "20 days"]}
PAGE = 51
DEEP = 10000
ONE = "01a20000-0009-7000-a000-000000000009"
DEEP_LISTS = [({}, "received_at"), ({"state": "COMPLETE"}, "received_at"), ({"valid": "false"}, "received_at"), ({}, "errors"),
              ({"source_type": "HL7V2"}, "payload_bytes"), ({"state": "FAIL"}, "received_at"), ({"tenant": "qe-a"}, "state_at"),
              ({"words": "reference"}, "received_at"), ({"words": "reference", "valid": "false"}, "received_at")]


def literal(value):
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def page(filters, sort="received_at", ascending=False, words=None, whole=None, patient=None, bundle=None, id=None, after=None, most=PAGE):
    """The statement of grid.c, with its parameters put in."""
    words = filters.get("words", words)
    one = lambda name: f"ARRAY[{literal(filters[name])}]" if name in filters else "NULL"
    facets = (f"fhirbus.facets_of({one('tenant')}, {one('state')}, {one('source_type')}, {one('disposition')}, {one('ig_version')}, "
              f"{filters.get('valid', 'NULL')})")
    unfiltered = not set(filters) - {"tenant", "period", "words"}
    since = f"now() - interval '{filters['period']}'" if "period" in filters else "'-infinity'"
    key, at, last, tenant = after or (None,) * 4
    return ("SELECT i.*, p.key FROM fhirbus.grid_page(" + facets + f", {literal(filters.get('tenant'))}, {str(unfiltered).lower()}, {since}, "
            f"'infinity', fhirbus.words_wanted({literal(words)}, {'NULL' if whole is None else 'ARRAY[' + literal(whole) + ']'}), "
            f"{literal(id)}, {literal(bundle)}, {literal(patient)}, '{sort}', {str(ascending).lower()}, {literal(key)}, {literal(at)}, "
            f"{literal(last)}, {literal(tenant)}, {most}) WITH ORDINALITY AS p (interaction_id, tenant, received_at, facet_id, key, changed, "
            "sender, verdict_ms, complete_ms, ordinal) CROSS JOIN LATERAL (SELECT j.* FROM fhirbus.interaction j WHERE j.interaction_id = "
            "p.interaction_id AND j.tenant_id = p.tenant AND j.received_at = p.received_at) i ORDER BY p.ordinal")


def overview(period, step, tenant=None):
    scope = "NULL" if tenant is None else f"ARRAY[{literal(tenant)}]"
    return (f"SELECT fhirbus.overview_whole({step}, {scope}, date_trunc('hour', now()) - interval '{period}', "
            "date_trunc('hour', now()) + interval '1 hour')")


def lists(database):
    singles = [{name: value} for name, values in FILTERS.items() for value in values]
    pairs = [{**a, **b} for a, b in itertools.combinations(singles, 2) if set(a).isdisjoint(b)]
    random.Random(1).shuffle(pairs)
    yield "first page, no filter", [page({})] * 20
    yield "first page, one filter", [page(f) for f in singles]
    yield "first page, two filters", [page(f) for f in pairs[:60]]
    yield "first page, no filter, each sort", [page({}, s, a) for s in SORTS for a in (False, True)]
    yield "first page, one filter, each sort", [page(f, s) for f in singles for s in SORTS[1:]]
    yield "words: rare", [page({}, words=w) for w in ("zebra", "zebra1", "nowhere", "obs12", "obs1", "zebra minimum")]
    yield "words: in many", [page({}, words=w) for w in ("minimum", "value set", "reference", "is", "the bundle")]
    yield "words: in many, and one filter", [page(f, words="reference") for f in singles]
    yield "words: in many, each sort", [page({}, s, a, words="reference") for s in SORTS[1:] for a in (False, True)]
    yield "message id, sender", [page({}, whole=w) for w in ("m:Terminology_TX_NoValid_16", "m:Validation_VAL_Profile_Unknown", "s:qe-a-sender-1",
                                                            "s:qe-f-sender-0", "s:qe-l-sender-2", "s:nobody")]
    yield "message id, and one filter", [page(f, whole="m:Reference_REF_CantResolve") for f in singles]
    yield "patient, bundle, id", [page({}, patient="MRN-77"), page({}, bundle="bundle-4711"), page({}, id=ONE)] * 3
    yield f"next page, {DEEP:,} rows deep", [page(f, s, after=database.row_at(page(f, s, most=DEEP + 1))) for f, s in DEEP_LISTS for _ in range(3)]


def rest():
    total = "SELECT fhirbus.grid_estimate(fhirbus.facets_of({}, NULL, NULL, NULL, NULL, NULL), {}, 'infinity')"
    yield "how many rows", [total.format(t, f"now() - interval '{p}'") for t in ("NULL", "ARRAY['qe-a']") for p in ("1 hour", "1 day", "30 days")]
    yield "menus of filters", [f"SELECT fhirbus.grid_menus(NULL, now() - interval '{p}', now())" for p in ("1 day", "7 days", "30 days")] * 3
    yield "overview: 6 hours to 7 days", [overview(p, s, t) for p, s in (("6 hours", 300), ("1 day", 3600), ("7 days", 3600)) for t in (None, "qe-a", "qe-l")] * 2
    yield "overview: 30 days", [overview("30 days", 86400, t) for t in (None, "qe-a", "qe-l")] * 3
    yield "one interaction", [f"SELECT fhirbus.story(g.interaction_id, g.tenant, g.received_at, NULL) FROM fhirbus.grid g WHERE g.interaction_id = '{ONE}'"] * 5
    yield "what changed since", ["SELECT g.interaction_id FROM fhirbus.grid g WHERE g.changed > (SELECT last_value - 100 FROM fhirbus.grid_change) "
                                 "AND g.facet_id = ANY (fhirbus.facets_of(NULL, NULL, NULL, NULL, NULL, NULL)) ORDER BY g.changed LIMIT 51"] * 5


def questions(database):
    yield from lists(database)
    yield from rest()
