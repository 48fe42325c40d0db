#include "common/audit/trail.h"

#include <gnutls/crypto.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/utf8.h"

/* Beyond it PostgreSQL has no such time, and neither has anybody else: year 9999. */
#define AT_MAX_US 253402300799000000LL

static Str column(Str text)
{
    if (!text.ptr)
        return STR("");
    size_t len = text.len < AUDIT_COLUMN_BYTES ? text.len : AUDIT_COLUMN_BYTES;
    while (len < text.len && len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--; /* not within a character */
    return (Str){text.ptr, len};
}

static int32_t number(uint64_t value)
{
    return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

bool audit_columns(Str bytes, int64_t at_us, Arena *arena, AuditColumns *ret_columns,
                   AuditRecord *ret_record)
{
    AuditRecord r;
    Err err = {0};
    const Str none = STR("");
    *ret_columns =
        (AuditColumns){"unreadable", at_us, none, none, none, none, none, none, 0, 0, none};
    if (!audit_record_decode(bytes, arena, &r, &err))
        return false;
    *ret_record = r;
    *ret_columns = (AuditColumns){
        .kind = audit_kind_name(r.kind),
        .at_us = r.at_us > 0 && r.at_us < AT_MAX_US ? r.at_us : at_us,
        .action = column(r.action),
        .operation = column(r.operation),
        .resource = column(r.resource),
        .tenant = column(r.tenant),
        .caller = column(r.caller),
        .address = column(r.address),
        .status = number(r.status),
        .outcome = number(r.outcome),
        .subject = column(r.subject),
    };
    return true;
}

/* --- the chain -------------------------------------------------------------------------------- */

static void add_number(gnutls_hash_hd_t state, uint64_t value, int bytes)
{
    unsigned char big_endian[8];
    for (int i = bytes - 1; i >= 0; i--, value >>= 8)
        big_endian[i] = (unsigned char)value;
    gnutls_hash(state, big_endian, (size_t)bytes);
}

void audit_chain(unsigned char hash[AUDIT_HASH_BYTES], const AuditPlace *place, Str bytes)
{
    gnutls_hash_hd_t state;
    CHECK(gnutls_hash_init(&state, GNUTLS_DIG_SHA256) == 0);
    gnutls_hash(state, hash, AUDIT_HASH_BYTES);
    add_number(state, (uint32_t)place->partition, 4);
    add_number(state, (uint64_t)place->seq, 8);
    add_number(state, (uint64_t)place->topic_offset, 8);
    gnutls_hash(state, bytes.ptr, bytes.len);
    gnutls_hash_deinit(state, hash);
}
