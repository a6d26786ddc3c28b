/** One structured log line. Fields are names, ids, codes and counts: never secrets, never user content. */
export function logError(event: string, fields: Readonly<Record<string, string | number | undefined>>): void {
  console.error(JSON.stringify({ level: "error", event, ...fields }));
}
