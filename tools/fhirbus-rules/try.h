/* try - a rule file on a bundle, by the services' own code, without any broker.
 *
 * Owner:   nothing is kept. Prints to stdout, complaints to stderr.
 * Errors:  the exit code: 0 done, 1 a file is refused or the bundle cannot be worked on, 2 usage.
 */
#pragma once

extern const char try_usage[];
int try_run(int count, char **arguments);
