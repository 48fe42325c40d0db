/* The entry point of every fuzz target. Returns 0; a finding is a crash, a sanitizer report or a
 * hang. */
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Optional: called once before the first input, outside any input's time limit. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
