/* bus_metrics - what every worker shows of its consumer and producer.
 *
 *   fhirbus_consumer_lag{topic,partition}, fhirbus_worker_restarts, and by {role}:
 *   fhirbus_consumer_in_flight, fhirbus_producer_in_flight, fhirbus_producer_in_flight_bytes,
 *   fhirbus_kafka_connected{client}
 *
 * Owner:   the caller frees it; the Metrics outlives it.
 * Threads: bus_metrics_update belongs to the consumer's thread; call it about once a second. */
#pragma once
#include "common/bus/bus.h"
#include "common/bus/supervisor.h"
#include "common/obs/metrics.h"

typedef struct BusMetrics BusMetrics;

/* `role` tells several consumers of one process apart. NULL without memory. */
BusMetrics *bus_metrics_new(Metrics *metrics, const char *role);
void bus_metrics_free(BusMetrics *bus_metrics);
/* Any of the three may be NULL. */
void bus_metrics_update(BusMetrics *bus_metrics, BusConsumer *consumer, BusProducer *producer,
                        const Supervisor *supervisor);
