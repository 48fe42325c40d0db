#include "services/ingest/pages/pages.h"

/* The assembler puts the files in: as C texts they would take the compiler a minute. */
#define PAGE_BYTES(symbol, path)                                                                   \
    __asm__(".section .rodata\n" #symbol ":\n.incbin \"" path "\"\n" #symbol "_end:\n.byte 0\n"    \
            ".previous\n");                                                                        \
    /* NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a variable */                       \
    extern const char symbol[] __attribute__((visibility("hidden")));                              \
    extern const char symbol##_end[] __attribute__((visibility("hidden")));
#define PAGE_STR(symbol)                                                                           \
    {                                                                                              \
        symbol, symbol##_end                                                                       \
    }
#define PAGE_NONE                                                                                  \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }
#include "pages/pages.inc"

enum { PAGES = sizeof pages / sizeof pages[0] - 1, SEGMENTS_MAX = 3 };

size_t page_count(void)
{
    return PAGES;
}

const Page *page_at(size_t index)
{
    return &pages[index];
}

static const Page *named(Str name)
{
    for (size_t i = 0; i < PAGES; i++)
        if (str_is(name, pages[i].name))
            return &pages[i];
    return NULL;
}

/* What the pages themselves make of the address. */
static bool is_place(Str name)
{
    size_t segments = 1;
    for (size_t i = 0; i < name.len; i++)
        segments += name.ptr[i] == '/';
    return segments <= SEGMENTS_MAX && str_find_char(name, '.') == name.len &&
           !str_starts(name, STR("assets/"));
}

const Page *page_find(Str name)
{
    const Page *page = named(name);
    return page || !is_place(name) ? page : named(STR("index.html"));
}
