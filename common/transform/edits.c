#include "common/transform/edits.h"

#include <stdlib.h>

void edits_add(Edits *edits, size_t at, size_t end, Str text)
{
    if (edits->count == edits->room) {
        uint32_t room = edits->room ? edits->room * 2 : 16;
        Edit *grown =
            arena_grow(edits->arena, edits->list, edits->room * sizeof(Edit), room * sizeof(Edit));
        edits->failed |= !grown;
        if (!grown)
            return;
        edits->list = grown;
        edits->room = room;
    }
    edits->failed |= !text.ptr && text.len;
    edits->list[edits->count] = (Edit){at, end, text, edits->count};
    edits->count++;
}

/* By place, the larger first; insertions at one place in their order, before what is replaced. */
static int by_place(const void *a, const void *b)
{
    const Edit *x = a, *y = b;
    bool x_inserts = x->at == x->end, y_inserts = y->at == y->end;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x_inserts != y_inserts)
        return x_inserts ? -1 : 1;
    if (x->end != y->end)
        return x->end > y->end ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static size_t copy(char *to, size_t len, Str piece)
{
    if (piece.len && piece.ptr)
        memcpy(to + len, piece.ptr, piece.len);
    return len + piece.len;
}

bool edits_apply(Edits *edits, Str source, Arena *arena, Str *ret_text, Err *err)
{
    size_t room = source.len, len = 0, taken = 0;
    for (uint32_t i = 0; i < edits->count; i++)
        room += edits->list[i].text.len;
    char *to = edits->failed ? NULL : arena_alloc(arena, room + 1);
    if (!to)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu bytes of bundle", room);
    if (edits->count)
        qsort(edits->list, edits->count, sizeof(Edit), by_place);
    for (uint32_t i = 0; i < edits->count; i++) {
        const Edit *edit = &edits->list[i];
        if (edit->at < taken)
            continue; /* inside the one before */
        len = copy(to, len, str_cut(source, taken, edit->at));
        len = copy(to, len, edit->text);
        taken = edit->end;
    }
    len = copy(to, len, str_skip(source, taken));
    *ret_text = (Str){to, len};
    return true;
}
