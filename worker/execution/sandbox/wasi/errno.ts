/** Error numbers of WASI preview 1 that this host answers with. */
export const ERRNO = {
  success: 0,
  badf: 8,
  fault: 21,
  inval: 28,
  nosys: 52,
  spipe: 70,
  notcapable: 76,
} as const;

/** Ends a WASI function with an error number. */
export class WasiError extends Error {
  override readonly name = "WasiError";
  readonly errno: number;

  constructor(errno: number) {
    super(`WASI error ${errno}`);
    this.errno = errno;
  }
}
