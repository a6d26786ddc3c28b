const FRAMES = ["|", "/", "-", "\\"];
const EVERY_MS = 120;

/** Shows on a terminal that a slow step is under way; says nothing elsewhere, nor where the result is for a program. */
export async function progress<Result>(what: string, silent: boolean, work: () => Promise<Result>): Promise<Result> {
  const { stderr } = process;
  if (silent || !stderr.isTTY) return await work();
  let frame = 0;
  const draw = (): void => void stderr.write(`\r${FRAMES[frame++ % FRAMES.length]} ${what} …`);
  draw();
  const timer = setInterval(draw, EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    stderr.write("\r\u001b[K");
  }
}
