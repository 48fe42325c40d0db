#include "services/persister/counts.h"

void counts_init(Counts *c, Metrics *m)
{
    *c = (Counts){
        .metrics = m,
        .messages = metrics_counter(m, "fhirbus_persister_messages_total", "messages settled",
                                    METRIC_NO_LABELS),
        .rows =
            metrics_counter(m, "fhirbus_persister_rows_total", "rows written", METRIC_NO_LABELS),
        .repeated = metrics_counter(m, "fhirbus_persister_repeated_total",
                                    "statements that found their row there already, or expired",
                                    METRIC_NO_LABELS),
        .transactions = metrics_counter(m, "fhirbus_persister_transactions_total",
                                        "transactions committed", METRIC_NO_LABELS),
        .retries = metrics_counter(m, "fhirbus_persister_retries_total",
                                   "transactions that failed and were repeated", METRIC_NO_LABELS),
        .dead_lettered = metrics_counter(m, "fhirbus_persister_dead_lettered_total",
                                         "messages put on dlq", METRIC_NO_LABELS),
        .payload_bytes =
            metrics_counter(m, "fhirbus_persister_payload_bytes_total",
                            "payload bytes stored, before compression", METRIC_NO_LABELS),
        .batch_messages =
            metrics_histogram(m, "fhirbus_persister_batch_messages", "messages of a transaction",
                              METRIC_NO_LABELS, metric_buckets_count),
        .transaction_seconds = metrics_histogram(m, "fhirbus_persister_transaction_seconds",
                                                 "from sending a transaction to its commit",
                                                 METRIC_NO_LABELS, metric_buckets_seconds),
        .age_seconds = metrics_histogram(m, "fhirbus_persister_age_seconds",
                                         "from a message's time in the broker to its commit",
                                         METRIC_NO_LABELS, metric_buckets_seconds),
        .database_up =
            metrics_gauge(m, "fhirbus_database_up", "1 while connected", METRIC_NO_LABELS),
        .default_rows =
            metrics_gauge(m, "fhirbus_default_partition_rows",
                          "rows that no month covers; 0 when all is well", METRIC_NO_LABELS),
        .purged_rows = metrics_counter(m, "fhirbus_purged_rows_total",
                                       "rows blanked or deleted by retention", METRIC_NO_LABELS),
        .months_made = metrics_counter(m, "fhirbus_partitions_made_total", "partitions made",
                                       METRIC_NO_LABELS),
        .months_dropped = metrics_counter(m, "fhirbus_partitions_dropped_total",
                                          "partitions dropped by retention", METRIC_NO_LABELS),
        .audit_kept = metrics_counter(m, "fhirbus_audit_kept_total",
                                      "records appended to the audit trail", METRIC_NO_LABELS),
    };
}
