import { WASI_FUNCTIONS } from "../../../../sdk/contract/extism-abi.ts";
import { HOST_COSTS } from "../costs.ts";
import type { GuestControl } from "../guest-control.ts";
import type { HostFunction } from "../host-import.ts";
import type { CallLog } from "../logs.ts";
import type { ChaCha20Stream } from "./chacha20.ts";
import { type GuestClock, TICK_NANOSECONDS } from "./clock.ts";
import { ERRNO, WasiError } from "./errno.ts";
import { type FileContext, fileFunctions } from "./file-functions.ts";
import type { GuestMemory } from "./guest-memory.ts";
import type { OpenFiles } from "./open-files.ts";
import { poll, type PollContext } from "./poll.ts";
import { StandardStreams } from "./standard-streams.ts";

export interface WasiContext {
  /** The guest's memory; attached when there is an instance. */
  readonly memory: GuestMemory;
  readonly control: GuestControl;
  readonly log: CallLog;
  /** One for all modules, so that none sees the time or the random bytes of another again. */
  readonly clock: GuestClock;
  readonly random: ChaCha20Stream;
  /** Descriptors on the package's files; undefined where it has none. */
  readonly open: OpenFiles | undefined;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** WASI preview 1 for one module of one call. */
export interface Wasi {
  readonly functions: ReadonlyMap<string, HostFunction>;
  /** To be called when the guest has ended. */
  flush(): void;
}

/**
 * WASI preview 1 (https://github.com/WebAssembly/WASI, `phases/snapshot`) for a program without arguments, environment or network, and
 * with no files but those of its package: standard streams, clocks, randomness, sleeping and exiting. Without files, path
 * functions lack the capability. Whatever else the snapshot has answers ENOSYS, so that a program which only mentions a
 * function still runs.
 */
export function createWasi(context: WasiContext): Wasi {
  const streams = new StandardStreams(context.memory, context.control, context.log);
  const { open } = context;
  const requireOpen = (descriptor: number): void => {
    if (!open?.has(descriptor)) streams.nameOf(descriptor);
  };
  const parts = { ...context, streams, requireOpen };
  const implemented = new Map([...processFunctions(parts), ...clockFunctions(parts), ...streamFunctions(parts)]);
  if (open) addFiles(implemented, { ...context, open });
  const functions = new Map<string, HostFunction>();
  for (const name of WASI_FUNCTIONS) functions.set(name, answering(implemented.get(name) ?? unsupported(name)));
  return { functions, flush: () => streams.flush() };
}

/** Functions of files go before those of streams, each for its own descriptors. */
function addFiles(functions: Map<string, HostFunction>, context: FileContext): void {
  for (const [name, ofFiles] of fileFunctions(context)) {
    const ofStreams = functions.get(name) ?? unsupported(name);
    const run = (descriptor: number, ...rest: never[]): ReturnType<HostFunction["run"]> => {
      const isFile = name.startsWith("path_") || context.open.has(descriptor);
      return (isFile ? ofFiles : ofStreams).run(...([descriptor, ...rest] as never[])); // checked against the type of both
    };
    functions.set(name, { ...ofFiles, run });
  }
}

function unsupported(name: string): HostFunction {
  const errno = name.startsWith("path_") ? ERRNO.notcapable : ERRNO.nosys;
  return { run: () => errno };
}

type Parts = WasiContext & PollContext & { readonly streams: StandardStreams };
type NamedFunctions = readonly (readonly [string, HostFunction])[];

const succeed = (): number => ERRNO.success;

function processFunctions({ memory, control, random }: Parts): NamedFunctions {
  const countNone = (count: number, bytes: number): number => {
    memory.setUint32(count, 0);
    memory.setUint32(bytes, 0);
    return ERRNO.success;
  };
  const fillRandom = (pointer: number, length: number): number => {
    const target = memory.bytes(pointer, length >>> 0);
    control.charge(target.byteLength * HOST_COSTS.randomByte);
    random.read(target);
    return ERRNO.success;
  };
  return [
    ["args_get", { type: "(i32, i32) -> i32", run: succeed }],
    ["args_sizes_get", { type: "(i32, i32) -> i32", run: countNone }],
    ["environ_get", { type: "(i32, i32) -> i32", run: succeed }],
    ["environ_sizes_get", { type: "(i32, i32) -> i32", run: countNone }],
    ["proc_exit", { type: "(i32) -> ()", run: (code: number) => control.exit(code) }],
    ["random_get", { type: "(i32, i32) -> i32", run: fillRandom }],
    ["sched_yield", { type: "() -> i32", run: succeed }],
  ];
}

function clockFunctions(parts: Parts): NamedFunctions {
  const { memory, clock } = parts;
  const resolution = (id: number, result: number): number => {
    clock.peek(id);
    memory.setUint64(result, TICK_NANOSECONDS);
    return ERRNO.success;
  };
  const time = (id: number, _precision: bigint, result: number): number => {
    memory.setUint64(result, clock.read(id));
    return ERRNO.success;
  };
  return [
    ["clock_res_get", { type: "(i32, i32) -> i32", run: resolution }],
    ["clock_time_get", { type: "(i32, i64, i32) -> i32", run: time }],
    ["poll_oneoff", { type: "(i32, i32, i32, i32) -> i32", run: poll.bind(undefined, parts) }],
  ];
}

function streamFunctions({ streams }: Parts): NamedFunctions {
  const ifOpen = (errno: number) => (descriptor: number) => {
    streams.nameOf(descriptor);
    return errno;
  };
  const read = (descriptor: number, _buffers: number, _count: number, result: number): number =>
    streams.read(descriptor, result);
  return [
    ["fd_close", { type: "(i32) -> i32", run: ifOpen(ERRNO.success) }],
    ["fd_datasync", { type: "(i32) -> i32", run: ifOpen(ERRNO.success) }],
    ["fd_sync", { type: "(i32) -> i32", run: ifOpen(ERRNO.success) }],
    ["fd_fdstat_get", { type: "(i32, i32) -> i32", run: streams.fdstat.bind(streams) }],
    ["fd_fdstat_set_flags", { type: "(i32, i32) -> i32", run: ifOpen(ERRNO.success) }],
    ["fd_filestat_get", { type: "(i32, i32) -> i32", run: streams.filestat.bind(streams) }],
    // No directory is open in advance: the program learns that it has no files.
    ["fd_prestat_get", { type: "(i32, i32) -> i32", run: () => ERRNO.badf }],
    ["fd_prestat_dir_name", { type: "(i32, i32, i32) -> i32", run: () => ERRNO.badf }],
    ["fd_read", { type: "(i32, i32, i32, i32) -> i32", run: read }],
    ["fd_seek", { type: "(i32, i64, i32, i32) -> i32", run: ifOpen(ERRNO.spipe) }],
    ["fd_tell", { type: "(i32, i32) -> i32", run: ifOpen(ERRNO.spipe) }],
    ["fd_write", { type: "(i32, i32, i32, i32) -> i32", run: streams.write.bind(streams) }],
  ];
}

/** A WASI function reports an error as its result. */
function answering(host: HostFunction): HostFunction {
  return {
    ...host,
    run: (...parameters: never[]) => {
      try {
        const answer = host.run(...parameters);
        return answer instanceof Promise ? answer.catch(errnoOf) : answer;
      } catch (error) {
        return errnoOf(error);
      }
    },
  };
}

function errnoOf(error: unknown): number {
  if (error instanceof WasiError) return error.errno;
  throw error;
}
