/* Runs a fuzz target over every file of the folders named on the command line: what `make test`
 * does under gcc. libFuzzer's own main takes this file's place in `make fuzz`. */
#include <dirent.h>
#include <sys/stat.h>

#include "common/base/buf.h"
#include "tests/fuzz/target.h"

#pragma weak LLVMFuzzerInitialize

static int count;

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return printf("not ok - cannot open %s\n", path), 1;
    BUF_AUTO bytes;
    buf_init(&bytes, 64 * 1024 * 1024);
    char chunk[65536];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_add(&bytes, (Str){chunk, got});
    fclose(file);
    /* An exact copy, so that the address sanitizer sees a read past the end. */
    uint8_t *exact = malloc(bytes.len ? bytes.len : 1);
    if (!exact)
        return 1;
    memcpy(exact, buf_str(&bytes).ptr, bytes.len);
    LLVMFuzzerTestOneInput(exact, bytes.len);
    free(exact);
    count++;
    return 0;
}

static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return printf("not ok - no corpus in %s\n", folder), 1;
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        failed |= replay_file(path);
    }
    closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        failed |= replay_folder(argv[i]);
    if (count == 0)
        return puts("not ok - the corpus is empty"), 1;
    printf("%sok 1 - %d inputs replayed\n", failed ? "not " : "", count);
    return failed;
}
