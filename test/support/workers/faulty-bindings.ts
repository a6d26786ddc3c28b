/** Bindings that every operation of which passes through a fault, or through none. Their types are those of the real ones. */

/**
 * Runs an operation of a binding as the fault of the moment has it.
 *
 * @param shorten  makes the operation's answer the start of itself; absent where no part of it could be missing
 */
export type Through = <T>(
  operation: string,
  run: () => Promise<T>,
  shorten?: (answer: T, bytes: number) => Promise<T>,
) => Promise<T>;

/** Kinds of bindings that can be made faulty, with what each says when its service is away. */
export const OUTAGES = {
  database: "D1_ERROR: Network connection lost.",
  bucket: "We encountered an internal error. Please try again. (10001)",
  queue: "Queue sendBatch failed: Internal Server Error",
  objects: "Network connection lost.",
  loader: "internal error; reference = 0123456789abcdef",
} as const;
export type BindingKind = keyof typeof OUTAGES;

/** @returns undefined for what is no service: variables, secrets, assets */
export function kindOf(binding: unknown): BindingKind | undefined {
  if (typeof binding !== "object" || binding === null) return undefined;
  if ("idFromName" in binding) return "objects";
  if ("sendBatch" in binding) return "queue";
  if ("createMultipartUpload" in binding) return "bucket";
  if ("prepare" in binding && "batch" in binding) return "database";
  return "load" in binding && "get" in binding ? "loader" : undefined;
}

/** @returns the binding with each operation sent through */
export function throughFaults(binding: unknown, kind: BindingKind, through: Through): unknown {
  return WRAPPERS[kind](binding as never, through); // kindOf looked at it
}

const WRAPPERS: Readonly<Record<BindingKind, (binding: never, through: Through) => unknown>> = {
  database: faultyDatabase,
  bucket: faultyBucket,
  queue: (queue: Queue, through) => withOperations(queue, ["send", "sendBatch", "metrics"], through),
  objects: faultyObjects,
  loader: faultyLoader,
};

type Method = (...values: never[]) => unknown;

/** The target with some members replaced; the others are called on the target itself, as native objects demand. */
function replacing<T extends object>(target: T, members: Readonly<Record<string, Method>>): T {
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === "string" && Object.hasOwn(members, name)) return members[name];
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...values: unknown[]): unknown => Reflect.apply(member, target, values);
    },
  });
}

/** The target with the operations named, all of which answer promises, sent through. */
function withOperations<T extends object>(target: T, operations: readonly string[], through: Through): T {
  const members = operations.map((name) => [name, sendingOn(target, name, through)] as const);
  return replacing(target, Object.fromEntries(members));
}

function sendingOn(target: object, name: string, through: Through): Method {
  return (...values) => through(name, async () => invokeOn(target, name, values));
}

/** Members of stubs exist only once they are called, so there is nothing to look up before. */
function invokeOn(target: object, name: string, values: readonly unknown[]): unknown {
  return (target as Record<string, (...all: readonly unknown[]) => unknown>)[name]?.(...values);
}

const STATEMENT_OPERATIONS = ["first", "all", "run", "raw"];

function faultyDatabase(database: D1Database, through: Through): D1Database {
  /** The runtime takes only statements of its own in a batch. */
  const originals = new WeakMap<D1PreparedStatement, D1PreparedStatement>();
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const faulty = replacing(withOperations(statement, STATEMENT_OPERATIONS, through), {
      bind: (...values: unknown[]) => wrap(statement.bind(...values)),
    });
    originals.set(faulty, statement);
    return faulty;
  };
  const within = (session: D1DatabaseSession | D1Database): Readonly<Record<string, Method>> => ({
    prepare: (query: string) => wrap(session.prepare(query)),
    batch: (statements: D1PreparedStatement[]) =>
      through("batch", () => session.batch(statements.map((statement) => originals.get(statement) ?? statement))),
  });
  return replacing(withOperations(database, ["exec", "dump"], through), {
    ...within(database),
    withSession: (...values: Parameters<D1Database["withSession"]>) => {
      const session = database.withSession(...values);
      return replacing(session, within(session));
    },
  });
}

function faultyBucket(bucket: R2Bucket, through: Through): R2Bucket {
  const wrapUpload = (upload: R2MultipartUpload): R2MultipartUpload =>
    withOperations(upload, ["uploadPart", "complete", "abort"], through);
  const get = (key: string, options?: R2GetOptions): Promise<R2ObjectBody | R2Object | null> =>
    through<R2ObjectBody | R2Object | null>("get", () => bucket.get(key, options ?? {}), shortened);
  return replacing(withOperations(bucket, ["head", "put", "delete", "list"], through), {
    get,
    createMultipartUpload: (...values: Parameters<R2Bucket["createMultipartUpload"]>) =>
      through("createMultipartUpload", async () => wrapUpload(await bucket.createMultipartUpload(...values))),
    resumeMultipartUpload: (key: string, uploadId: string) => wrapUpload(bucket.resumeMultipartUpload(key, uploadId)),
  });
}

/** The object with a body that ends early, though it still claims its whole size. */
async function shortened<T extends R2ObjectBody | R2Object | null>(object: T, bytes: number): Promise<T> {
  if (object === null || !("body" in object)) return object;
  const start = new Response((await object.arrayBuffer()).slice(0, bytes));
  const members = ["arrayBuffer", "bytes", "text", "json", "blob"].map(
    (name) => [name, () => invokeOn(start, name, [])] as const,
  );
  return new Proxy(replacing(object, Object.fromEntries(members)), {
    get: (target, name, receiver) => (name === "body" ? start.body : (Reflect.get(target, name, receiver) as unknown)),
  });
}

/** A stub of which every call goes through, whatever its name: what it can do is known only where it runs. */
function faultyStub<T extends object>(stub: T, through: Through): T {
  const plain = new Set(["id", "name", "then", "constructor"]);
  return new Proxy(stub, {
    get(target, name) {
      if (name === "then") return undefined;
      if (typeof name === "symbol" || plain.has(name)) return Reflect.get(target, name, target) as unknown;
      return sendingOn(target, name, through);
    },
  });
}

function faultyObjects(namespace: DurableObjectNamespace, through: Through): DurableObjectNamespace {
  return replacing(namespace, {
    get: (...values: Parameters<DurableObjectNamespace["get"]>) => faultyStub(namespace.get(...values), through),
    getByName: (...values: Parameters<DurableObjectNamespace["getByName"]>) =>
      faultyStub(namespace.getByName(...values), through),
    jurisdiction: (...values: Parameters<DurableObjectNamespace["jurisdiction"]>) =>
      faultyObjects(namespace.jurisdiction(...values), through),
  });
}

function faultyLoader(loader: WorkerLoader, through: Through): WorkerLoader {
  const wrap = (worker: WorkerStub): WorkerStub =>
    replacing(worker, {
      getEntrypoint: (...values: Parameters<WorkerStub["getEntrypoint"]>) =>
        faultyStub(worker.getEntrypoint(...values), through),
    });
  return replacing(loader, {
    get: (...values: Parameters<WorkerLoader["get"]>) => wrap(loader.get(...values)),
    load: (...values: Parameters<WorkerLoader["load"]>) => wrap(loader.load(...values)),
  });
}
