/* banned - calls that have a safe sibling are compile errors. Included before every source file. */
#ifndef FHIRBUS_BANNED_H
#define FHIRBUS_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strtok sprintf vsprintf atoi atol atoll gmtime localtime gets
#endif
