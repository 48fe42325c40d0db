/* deliver - one destination: submit.NAME -> HTTPS, on a thread of its own.
 *
 * Rule:    follows changes of its destination: what is under way ends, then the next request goes
 *          by the new one. Ends when the destination is paused or gone. */
#pragma once
#include "services/lake-submitter/role.h"

typedef struct DeliverJob {
    const char *name;
    Hand *hand;
    CountsSlot *slot;
    const atomic_int *partitions; /* of its topic; 0: not known yet */
} DeliverJob;

/* Until told to stop or the destination is not to be served: 0. 1: the process cannot go on. */
int deliver_to(Service *service, const DeliverJob *job);
