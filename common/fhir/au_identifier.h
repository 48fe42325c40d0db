/* au_identifier - check digits of Australian identifiers.
 *
 * Spec:    AU Base 6.0.0 (au-medicarecardnumber, au-medicareprovidernumber, au-ihi, au-hpii,
 *          au-hpio); Services Australia's rules for Medicare card and provider numbers.
 * Owner:   values; the reason is static text.
 * Threads: pure.
 * Errors:  none: what is not an Australian identifier is AU_IDENTIFIER_NONE.
 *
 * AU Base has invariants for IHI, HPI-I and HPI-O (inv-ihi-value-*, inv-hpii-*, inv-hpio-*), in
 * profiles of Identifier that its resource profiles allow beside the plain type: only AU Core makes
 * them binding. For Medicare card and provider numbers it has none. */
#pragma once
#include "common/base/str.h"

typedef enum AuIdentifier {
    AU_IDENTIFIER_NONE,
    AU_IDENTIFIER_MEDICARE,
    AU_IDENTIFIER_PROVIDER,
    AU_IDENTIFIER_IHI,
    AU_IDENTIFIER_HPII,
    AU_IDENTIFIER_HPIO,
} AuIdentifier;

/* By Identifier.system. */
AuIdentifier au_identifier_of_system(Str system);
/* "Medicare card number", ... */
const char *au_identifier_name(AuIdentifier kind);
/* Are form and check digit right? *ret_why (may be NULL) says what is not: "the check digit is
 * wrong". Spaces are not allowed. True for AU_IDENTIFIER_NONE. */
bool au_identifier_valid(AuIdentifier kind, Str value, const char **ret_why);
