/* Runs a fuzz target over saved inputs, without libFuzzer: every argument is a file, or a folder of
 * files. Each input is also given cut at a few places, so that a small corpus goes further. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX ((size_t)4 << 20)

/* An exact copy on the heap, so that a sanitizer sees a read beyond the end. */
static void give(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n + (n == 0));

    BUG_ON(copy == NULL);
    if (n != 0)
        memcpy(copy, data, n);
    (void)LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static bool replay_file(const char *path)
{
    AUTO_BUF struct buf b = {.limit = INPUT_MAX};
    FILE *f = fopen(path, "rbe");
    uint8_t part[65536];
    size_t n;

    if (f == NULL) {
        perror(path);
        return false;
    }
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_put(&b, part, n);
    (void)fclose(f);
    if (!buf_ok(&b, NULL)) {
        (void)fprintf(stderr, "%s: over %zu bytes\n", path, INPUT_MAX);
        return false;
    }
    give(b.p, b.n);
    for (size_t eighth = 1; eighth < 8; eighth++)
        give(b.p, b.n * eighth / 8);
    if (b.n > 0)
        give(b.p, b.n - 1);
    return true;
}

/* -1 after a failure, otherwise the number of inputs. */
static long replay_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    long n = 0;

    if (dir == NULL) {
        perror(path);
        return -1;
    }
    while (n >= 0 && (entry = readdir(dir)) != NULL) {
        char file[4096];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        n = replay_file(file) ? n + 1 : -1;
    }
    (void)closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    long total = 0;

    give(NULL, 0);
    for (int i = 1; i < argc; i++) {
        struct stat st;
        long n;

        if (stat(argv[i], &st) != 0)
            n = -1;
        else
            n = S_ISDIR(st.st_mode) ? replay_folder(argv[i]) : (long)replay_file(argv[i]);
        if (n <= 0) {
            (void)fprintf(stderr, "%s: no inputs, or one that cannot be read\n", argv[i]);
            return 1;
        }
        total += n;
    }
    (void)printf("%ld inputs\n", total);
    return 0;
}
