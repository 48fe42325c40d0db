/* bench - how fast is it: bytes in, OperationOutcome JSON out, over and over, on n threads.
 *
 * Owner:   nothing is kept. Threads: starts and joins its own.
 * Errors:  a sentence on stderr and exit status 2. */
#pragma once

int bench_main(int argc, char **argv);
