/** One line per step of a long command, on standard error so that standard output stays for results. */
export type Log = (message: string) => void;

export const logProgress: Log = (message) => {
  process.stderr.write(`patchbay  ${message}\n`);
};
