/** Words of a name, whatever joins them: `order-lines`, `orderLines` and `order_lines` have two. */
function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "");
}

/** `OrderLines`; begins with a letter whatever the name is. */
export function pascalCase(name: string): string {
  const joined = wordsOf(name)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
  return /^[A-Za-z]/.test(joined) ? joined : `Type${joined}`;
}

/** `order_lines`; begins with a letter whatever the name is. */
export function snakeCase(name: string): string {
  const joined = wordsOf(name).join("_").toLowerCase();
  return /^[a-z]/.test(joined) ? joined : `field_${joined}`;
}

/** Gives out names, each once: the second `Order` is `Order2`. */
export class DistinctNames {
  readonly #taken: Set<string>;

  /** @param reserved  names that are never given out */
  constructor(reserved: Iterable<string> = []) {
    this.#taken = new Set(reserved);
  }

  take(wanted: string): string {
    let name = wanted;
    for (let count = 2; this.#taken.has(name); count++) name = `${wanted}${count}`;
    this.#taken.add(name);
    return name;
  }
}
