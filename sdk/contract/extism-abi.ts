import { LOCAL_FUNCTIONS, STREAM_FUNCTIONS, USER_FUNCTIONS } from "./user-functions.ts";

/**
 * The Extism host ABI (https://github.com/extism/extism, `runtime/src/pdk.rs` and the kernel) as names and types:
 * what a plugin may import. The sandbox implements exactly this table; the upload scan refuses everything else.
 */

export const HOST_MODULE = "extism:host/env";
/** Functions of the platform's own (user-functions.ts). */
export const USER_MODULE = "extism:host/user";
/** Before 1.0 the same functions lived here, with this prefix. */
export const LEGACY_MODULE = "env";
export const LEGACY_PREFIX = "extism_";
export const WASI_MODULE = "wasi_snapshot_preview1";

/** Answered inside the kernel module, WASM to WASM. */
export const KERNEL_FUNCTIONS = {
  alloc: "(i64) -> i64",
  free: "(i64) -> ()",
  length: "(i64) -> i64",
  length_unsafe: "(i64) -> i64",
  load_u8: "(i64) -> i32",
  load_u64: "(i64) -> i64",
  store_u8: "(i64, i32) -> ()",
  store_u64: "(i64, i64) -> ()",
  input_length: "() -> i64",
  input_offset: "() -> i64",
  input_load_u8: "(i64) -> i32",
  input_load_u64: "(i64) -> i64",
  output_set: "(i64, i64) -> ()",
  error_set: "(i64) -> ()",
  error_get: "() -> i64",
} as const;

/** Answered by the sandbox program. It takes ownership of (frees) the handles it is given. */
export const HOST_FUNCTIONS = {
  config_get: "(i64) -> i64",
  var_get: "(i64) -> i64",
  var_set: "(i64, i64) -> ()",
  http_request: "(i64, i64) -> i64",
  http_status_code: "() -> i32",
  http_headers: "() -> i64",
  log_trace: "(i64) -> ()",
  log_debug: "(i64) -> ()",
  log_info: "(i64) -> ()",
  log_warn: "(i64) -> ()",
  log_error: "(i64) -> ()",
  get_log_level: "() -> i32",
} as const;

/** WASI preview 1 (https://github.com/WebAssembly/WASI, `phases/snapshot`): every function of the snapshot. */
export const WASI_FUNCTIONS: ReadonlySet<string> = new Set([
  "args_get",
  "args_sizes_get",
  "environ_get",
  "environ_sizes_get",
  "clock_res_get",
  "clock_time_get",
  "fd_advise",
  "fd_allocate",
  "fd_close",
  "fd_datasync",
  "fd_fdstat_get",
  "fd_fdstat_set_flags",
  "fd_fdstat_set_rights",
  "fd_filestat_get",
  "fd_filestat_set_size",
  "fd_filestat_set_times",
  "fd_pread",
  "fd_prestat_get",
  "fd_prestat_dir_name",
  "fd_pwrite",
  "fd_read",
  "fd_readdir",
  "fd_renumber",
  "fd_seek",
  "fd_sync",
  "fd_tell",
  "fd_write",
  "path_create_directory",
  "path_filestat_get",
  "path_filestat_set_times",
  "path_link",
  "path_open",
  "path_readlink",
  "path_remove_directory",
  "path_rename",
  "path_symlink",
  "path_unlink_file",
  "poll_oneoff",
  "proc_exit",
  "proc_raise",
  "random_get",
  "sched_yield",
  "sock_accept",
  "sock_recv",
  "sock_send",
  "sock_shutdown",
]);

const SUSPENDING_IMPORTS: ReadonlySet<string> = new Set([
  `${WASI_MODULE}.poll_oneoff`,
  `${HOST_MODULE}.http_request`,
  `${LEGACY_MODULE}.${LEGACY_PREFIX}http_request`,
  ...[...Object.keys(USER_FUNCTIONS), ...Object.keys(STREAM_FUNCTIONS)].map((name) => `${USER_MODULE}.${name}`),
]);

/** @returns true for an import by which a plugin reads or writes piece by piece */
export function isStreaming(module: string, name: string): boolean {
  return module === USER_MODULE && Object.hasOwn(STREAM_FUNCTIONS, name);
}

/** @returns true for an import that may make the guest wait (JS Promise Integration), so that it holds its isolate's memory */
export function isSuspending(module: string, name: string): boolean {
  return SUSPENDING_IMPORTS.has(`${module}.${name}`);
}

function isHostName(name: string): boolean {
  return Object.hasOwn(KERNEL_FUNCTIONS, name) || Object.hasOwn(HOST_FUNCTIONS, name);
}

/** @returns true where the sandbox has an implementation for the function import */
export function isKnownImport(module: string, name: string): boolean {
  if (module === HOST_MODULE) return isHostName(name);
  if (module === LEGACY_MODULE) return name.startsWith(LEGACY_PREFIX) && isHostName(name.slice(LEGACY_PREFIX.length));
  if (module === USER_MODULE)
    return [USER_FUNCTIONS, STREAM_FUNCTIONS, LOCAL_FUNCTIONS].some((own) => Object.hasOwn(own, name));
  return module === WASI_MODULE && WASI_FUNCTIONS.has(name);
}
