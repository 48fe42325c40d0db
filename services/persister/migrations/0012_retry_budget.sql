-- How much of its retry budget a document had used up, on record: a submitter that starts again goes on
-- counting where the one before it was. Attempts with the breaker open use up nothing.
ALTER TABLE fhirbus.delivery ADD COLUMN budget_used integer NOT NULL DEFAULT 0;

-- As in 0009, and what a destination, or the budget, has ended without success.
CREATE OR REPLACE VIEW fhirbus.delivered WITH (security_invoker = true) AS
SELECT d.tenant, d.interaction_id, d.sha256, d.destination, d.idempotency_key,
       d.success AND NOT EXISTS (SELECT FROM fhirbus.event e
                                 WHERE e.tenant = d.tenant AND e.interaction_id = d.interaction_id AND e.sha256 = d.sha256
                                   AND e.received_at = d.received_at AND e.destination = d.destination
                                   AND e.replay_id >= d.replay_id AND e.step LIKE 'called-back:%' AND e.to_state = 'FAIL'
                                   AND NOT EXISTS (SELECT FROM fhirbus.event l
                                                   WHERE l.tenant = e.tenant AND l.interaction_id = e.interaction_id
                                                     AND l.sha256 = e.sha256 AND l.received_at = e.received_at
                                                     AND l.destination = e.destination AND l.step LIKE 'called-back:%'
                                                     AND l.happened_at > e.happened_at)) AS success,
       d.final, d.attempt, d.replay_id, d.finished_at,
       d.final AND NOT d.success AS failed,
       d.budget_used
FROM fhirbus.delivery d;
