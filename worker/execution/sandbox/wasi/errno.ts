/** Error numbers of WASI preview 1 that this host answers with. */
export const ERRNO = {
  success: 0,
  badf: 8,
  exist: 20,
  fault: 21,
  ilseq: 25,
  inval: 28,
  isdir: 31,
  mfile: 33,
  nametoolong: 37,
  noent: 44,
  nosys: 52,
  notdir: 54,
  rofs: 69,
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
