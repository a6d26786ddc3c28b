// A plugin has no files: what wasi-libc's stdio asks for is answered here, so that the module asks the host only for the
// clock and for randomness. The names are those under which wasi-libc imports the functions.
#include <stdint.h>

enum { BADF = 8 }; // __WASI_ERRNO_BADF

int32_t __imported_wasi_snapshot_preview1_fd_close(int32_t file) { return BADF; }
int32_t __imported_wasi_snapshot_preview1_fd_fdstat_get(int32_t file, int32_t result) { return BADF; }
int32_t __imported_wasi_snapshot_preview1_fd_seek(int32_t file, int64_t by, int32_t from, int32_t result) { return BADF; }
int32_t __imported_wasi_snapshot_preview1_fd_write(int32_t file, int32_t parts, int32_t count, int32_t result) {
  return BADF;
}
