/* The builder's structures -> the flat form of format.h. */
#include "services/validator/engine/terminology/builder.h"

enum { SECTION_BYTES_MAX = 1 << 30 };

typedef struct Writer {
    Builder *b;
    Buf systems, sets, names, system_slots, set_slots, codes, code_slots, parts, words,
        designations, pool;
    /* texts already in the pool, by hash: at + 1 */
    uint32_t *shared_at, *shared_len;
    uint32_t shared_room, shared_count;
} Writer;

static Buf *sections(Writer *w, size_t i)
{
    Buf *all[] = {&w->systems,    &w->sets,  &w->names, &w->system_slots, &w->set_slots, &w->codes,
                  &w->code_slots, &w->parts, &w->words, &w->designations, &w->pool};
    return i < sizeof all / sizeof *all ? all[i] : NULL;
}

static void writer_init(Writer *w, Builder *b)
{
    *w = (Writer){.b = b};
    for (size_t i = 0; sections(w, i); i++)
        buf_init(sections(w, i), SECTION_BYTES_MAX);
}

static void writer_clear(Writer *w)
{
    for (size_t i = 0; sections(w, i); i++)
        buf_clear(sections(w, i));
}

/* --- texts, each once --- */

static bool grow_shared(Writer *w)
{
    Writer old = *w;
    if (w->shared_count * 2 < w->shared_room)
        return true;
    w->shared_room = w->shared_room ? w->shared_room * 2 : 4096;
    w->shared_at = ARENA_ARRAY(w->b->arena, uint32_t, w->shared_room);
    w->shared_len = ARENA_ARRAY(w->b->arena, uint32_t, w->shared_room);
    if (!w->shared_at || !w->shared_len)
        return builder_out_of_memory(w->b);
    for (uint32_t i = 0; i < old.shared_room; i++) {
        if (!old.shared_at[i])
            continue;
        Str text = {w->pool.data + old.shared_at[i] - 1, old.shared_len[i]};
        uint32_t slot = (uint32_t)str_hash(text) & (w->shared_room - 1);
        while (w->shared_at[slot])
            slot = (slot + 1) & (w->shared_room - 1);
        w->shared_at[slot] = old.shared_at[i];
        w->shared_len[slot] = old.shared_len[i];
    }
    return true;
}

static bool put_text(Writer *w, Str text, TxText *ret)
{
    *ret = (TxText){0, (uint32_t)text.len};
    if (text.len == 0)
        return true;
    TRY(grow_shared(w));
    uint32_t mask = w->shared_room - 1, slot = (uint32_t)str_hash(text) & mask;
    for (; w->shared_at[slot]; slot = (slot + 1) & mask)
        if (w->shared_len[slot] == text.len &&
            memcmp(w->pool.data + w->shared_at[slot] - 1, text.ptr, text.len) == 0) {
            ret->at = w->shared_at[slot] - 1;
            return true;
        }
    ret->at = (uint32_t)w->pool.len;
    w->shared_at[slot] = ret->at + 1;
    w->shared_len[slot] = ret->len;
    w->shared_count++;
    return buf_add(&w->pool, text) || builder_out_of_memory(w->b);
}

static bool put(Writer *w, Buf *section, const void *row, size_t bytes)
{
    return buf_add(section, (Str){row, bytes}) || builder_out_of_memory(w->b);
}

/* --- systems --- */

static bool put_designations(Writer *w, const BuildSystem *system, const BuildCode *code,
                             uint32_t row, uint32_t *ret_flags)
{
    const JsonNode *all = code->node ? json_get(system->doc, code->node, "designation") : NULL;
    if (!all)
        return true;
    JSON_EACH(system->doc, designation, all)
    {
        TxDesignation d = {.code = row};
        Str value = json_get_text(system->doc, designation, "value");
        if (value.len == 0)
            continue;
        TRY(put_text(w, value, &d.text));
        TRY(put(w, &w->designations, &d, sizeof d));
        *ret_flags |= TX_CODE_DESIGNATED;
    }
    return true;
}

static bool put_code(Writer *w, const BuildSystem *system, const BuildCode *code)
{
    TxText text, display;
    uint32_t row = (uint32_t)(w->codes.len / sizeof(TxCodeRow)), flags = code->flags;
    TRY(put_text(w, code->code, &text));
    TRY(put_text(w, code->display, &display));
    TRY(put_designations(w, system, code, row, &flags));
    TxCodeRow r = {.text_at = text.at,
                   .text_len = (uint16_t)text.len,
                   .display_at = display.at,
                   .display_len = (uint16_t)display.len,
                   .parent = code->parent,
                   .flags = flags};
    return put(w, &w->codes, &r, sizeof r);
}

static bool put_code_slots(Writer *w, const BuildSystem *system, TxSystemRow *row)
{
    uint32_t count = 2;
    while (count < system->count + system->count / 2)
        count *= 2;
    row->first_slot = (uint32_t)(w->code_slots.len / sizeof(uint32_t));
    row->slot_count = count;
    uint32_t *slots = (uint32_t *)(void *)buf_reserve(&w->code_slots, count * sizeof(uint32_t));
    if (!slots)
        return builder_out_of_memory(w->b);
    memset(slots, 0, count * sizeof(uint32_t));
    w->code_slots.len += count * sizeof(uint32_t);
    for (uint32_t i = 0; i < system->count; i++) {
        uint64_t hash = builder_code_hash(system->codes[i].code, system->case_sensitive);
        uint32_t slot = (uint32_t)hash & (count - 1);
        while (slots[slot])
            slot = (slot + 1) & (count - 1);
        slots[slot] = (i + 1) | (uint32_t)(hash >> 56) << 24;
    }
    return true;
}

static bool put_system(Writer *w, const BuildSystem *system)
{
    TxSystemRow row = {.first_code = (uint32_t)(w->codes.len / sizeof(TxCodeRow)),
                       .code_count = system->count,
                       .content = (uint8_t)system->content,
                       .grammar = (uint8_t)system->grammar,
                       .case_sensitive = system->case_sensitive,
                       .hierarchical = system->hierarchical,
                       .supplement = system->supplement};
    TRY(put_text(w, system->url, &row.url));
    TRY(put_text(w, system->version, &row.version));
    TRY(put_text(w, system->name, &row.name));
    for (uint32_t i = 0; i < system->count; i++)
        TRY(put_code(w, system, &system->codes[i]));
    TRY(put_code_slots(w, system, &row));
    return put(w, &w->systems, &row, sizeof row);
}

/* --- names --- */

static bool put_names(Writer *w, const BuildIndex *index, Buf *to)
{
    uint32_t count = 2;
    while (count < index->count * 2)
        count *= 2;
    uint32_t *slots = (uint32_t *)(void *)buf_reserve(to, count * sizeof(uint32_t));
    if (!slots)
        return builder_out_of_memory(w->b);
    memset(slots, 0, count * sizeof(uint32_t));
    to->len += count * sizeof(uint32_t);
    for (uint32_t i = 0; i < index->room; i++) {
        if (!index->keys[i].ptr)
            continue;
        TxName name = {.index = index->values[i]};
        TRY(put_text(w, index->keys[i], &name.text));
        TRY(put(w, &w->names, &name, sizeof name));
        uint32_t slot = (uint32_t)str_hash(index->keys[i]) & (count - 1);
        while (slots[slot])
            slot = (slot + 1) & (count - 1);
        slots[slot] = (uint32_t)(w->names.len / sizeof(TxName));
    }
    return true;
}

/* --- sets --- */

static uint32_t count_bits(const uint64_t *bits, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; bits && i < bits_words(count); i++)
        sum += (uint32_t)__builtin_popcountll(bits[i]);
    return sum;
}

static bool holds_all(const BuildSystem *system, const uint64_t *bits)
{
    if (system->content < TX_CONTENT_EXAMPLE || system->content == TX_CONTENT_GRAMMAR)
        return false;
    for (uint32_t i = 0; i < system->count; i++)
        if ((system->codes[i].flags & TX_CODE_DEFINED) && !bits_get(bits, i))
            return false;
    return true;
}

static bool put_list(Writer *w, const BuildSystem *system, const uint64_t *bits)
{
    for (uint32_t i = 0; i < system->count; i++)
        if (bits_get(bits, i))
            TRY(put(w, &w->words, &i, sizeof i));
    return true;
}

static bool put_bitmap(Writer *w, const BuildSystem *system, const uint64_t *bits)
{
    for (uint32_t i = 0; i < (system->count + 31) / 32; i++) {
        uint32_t half = (uint32_t)(bits[i / 2] >> (i % 2 * 32));
        TRY(put(w, &w->words, &half, sizeof half));
    }
    return true;
}

static bool put_part(Writer *w, const BuildPart *part)
{
    const BuildSystem *system = &w->b->systems[part->system];
    TxPart row = {.system = part->system,
                  .fails = part->fails,
                  .enumerated = part->enumerated,
                  .first_word = (uint32_t)(w->words.len / sizeof(uint32_t))};
    uint32_t held = count_bits(part->bits, system->count);
    if (part->all || (held && holds_all(system, part->bits))) {
        row.kind = TX_PART_ALL;
    } else if (held && held < system->count / 32) {
        row.kind = TX_PART_LIST;
        TRY(put_list(w, system, part->bits));
    } else if (held) {
        row.kind = TX_PART_BITMAP;
        TRY(put_bitmap(w, system, part->bits));
    }
    row.word_count = (uint32_t)(w->words.len / sizeof(uint32_t)) - row.first_word;
    return put(w, &w->parts, &row, sizeof row);
}

static bool put_set(Writer *w, const BuildSet *set, TerminologyStats *stats)
{
    TxSetRow row = {.first_part = (uint32_t)(w->parts.len / sizeof(TxPart)),
                    .part_count = set->part_count,
                    .only_system = set->only_system,
                    .special = (uint8_t)set->special,
                    .incomplete = set->incomplete,
                    .only_version_unknown = set->only_version_unknown};
    bool answers = false;
    TRY(put_text(w, set->url, &row.url));
    TRY(put_text(w, set->version, &row.version));
    TRY(put_text(w, set->title, &row.title));
    for (uint32_t i = 0; i < set->part_count; i++) {
        TRY(put_part(w, &set->parts[i]));
        answers = answers || !set->parts[i].fails;
    }
    stats->not_checkable += !answers || set->incomplete;
    return put(w, &w->sets, &row, sizeof row);
}

/* --- all of it --- */

static bool put_section(Writer *w, Buf *out, size_t start, const Buf *section, size_t row_bytes,
                        TxSpan *ret)
{
    static const char zeros[8];
    size_t at = out->len - start, pad = (8 - at % 8) % 8;
    ret->at = (uint32_t)(at + pad);
    ret->count = (uint32_t)(section->len / row_bytes);
    if (at + pad + section->len > UINT32_MAX || !buf_add(out, (Str){zeros, pad}) ||
        !buf_add(out, buf_str(section)))
        return builder_out_of_memory(w->b);
    return true;
}

static bool assemble(Writer *w, Buf *out)
{
    TxHeader h = {.magic = TX_MAGIC, .byte_order = TX_BYTE_ORDER, .flags = w->b->flags};
    while (out->len % 8)
        if (!buf_add_char(out, '\0'))
            return builder_out_of_memory(w->b);
    size_t start = out->len;
    TRY(put(w, out, &h, sizeof h));
    TRY(put_section(w, out, start, &w->systems, sizeof(TxSystemRow), &h.systems));
    TRY(put_section(w, out, start, &w->sets, sizeof(TxSetRow), &h.sets));
    TRY(put_section(w, out, start, &w->names, sizeof(TxName), &h.names));
    TRY(put_section(w, out, start, &w->system_slots, sizeof(uint32_t), &h.system_slots));
    TRY(put_section(w, out, start, &w->set_slots, sizeof(uint32_t), &h.set_slots));
    TRY(put_section(w, out, start, &w->codes, sizeof(TxCodeRow), &h.codes));
    TRY(put_section(w, out, start, &w->code_slots, sizeof(uint32_t), &h.code_slots));
    TRY(put_section(w, out, start, &w->parts, sizeof(TxPart), &h.parts));
    TRY(put_section(w, out, start, &w->words, sizeof(uint32_t), &h.words));
    TRY(put_section(w, out, start, &w->designations, sizeof(TxDesignation), &h.designations));
    TRY(put_section(w, out, start, &w->pool, 1, &h.pool));
    h.bytes = (uint32_t)(out->len - start);
    memcpy(out->data + start, &h, sizeof h);
    return true;
}

static bool write_all(Writer *w, Buf *out, TerminologyStats *stats)
{
    Builder *b = w->b;
    for (uint32_t i = 0; i < b->system_count; i++)
        TRY(put_system(w, &b->systems[i]));
    for (uint32_t i = 0; i < b->set_count; i++)
        TRY(put_set(w, &b->sets[i], stats));
    TRY(put_names(w, &b->system_index, &w->system_slots));
    TRY(put_names(w, &b->set_index, &w->set_slots));
    size_t before = out->len;
    TRY(assemble(w, out));
    stats->systems = b->system_count;
    stats->value_sets = b->set_count;
    stats->codes = (uint32_t)(w->codes.len / sizeof(TxCodeRow));
    stats->bytes = out->len - before;
    return true;
}

bool builder_write(Builder *b, Buf *out, TerminologyStats *ret_stats)
{
    Writer w;
    TerminologyStats stats = {0};
    writer_init(&w, b);
    bool ok = write_all(&w, out, &stats);
    writer_clear(&w);
    if (ok && ret_stats)
        *ret_stats = stats;
    return ok;
}
