import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import { decodePackageFiles, encodePackageFiles } from "../../../sdk/contract/package-files.ts";
import { HOST_COSTS } from "../../../worker/execution/sandbox/costs.ts";
import { FuelMeter } from "../../../worker/execution/sandbox/fuel-meter.ts";
import { GuestControl } from "../../../worker/execution/sandbox/guest-control.ts";
import { CallLog } from "../../../worker/execution/sandbox/logs.ts";
import { ChaCha20Stream } from "../../../worker/execution/sandbox/wasi/chacha20.ts";
import { GuestClock } from "../../../worker/execution/sandbox/wasi/clock.ts";
import { buildTree } from "../../../worker/execution/sandbox/wasi/file-tree.ts";
import { GuestMemory } from "../../../worker/execution/sandbox/wasi/guest-memory.ts";
import { MOST_OPEN, OpenFiles } from "../../../worker/execution/sandbox/wasi/open-files.ts";
import { createWasi, type Wasi } from "../../../worker/execution/sandbox/wasi/preview1.ts";

const ERRNO = {
  badf: 8,
  exist: 20,
  fault: 21,
  ilseq: 25,
  inval: 28,
  isdir: 31,
  mfile: 33,
  nametoolong: 37,
  noent: 44,
  notdir: 54,
  rofs: 69,
  notcapable: 76,
};
const ROOT = 3;
const PATH = 1_024;
const RESULT = 8;
const BUFFER = 8_192;
const READ = 2n;
const WRITE = 64n;

const FILES = { "hello.txt": "Hello, file!", "data/words.txt": "one\ntwo\n", "data/deep/er/x": "x", "data/ü": "" };

/** WASI over a memory of its own, with the package's files. */
class Program {
  readonly raw = new WebAssembly.Memory({ initial: 4 });
  readonly fuel = new WebAssembly.Global({ value: "i64", mutable: true }, 0n);
  readonly #wasi: Wasi;

  constructor(files: Readonly<Record<string, string>> = FILES) {
    const memory = new GuestMemory();
    memory.attach({ memory: this.raw });
    const meter = new FuelMeter(DEFAULT_LIMITS);
    const counter = (): WebAssembly.Global => new WebAssembly.Global({ value: "i32", mutable: true }, 0);
    meter.attach({
      [METERING_EXPORTS.fuel]: this.fuel,
      [METERING_EXPORTS.depth]: counter(),
      [METERING_EXPORTS.refusedPages]: counter(),
    });
    const entries = Object.entries(files).map(([path, text]) => ({ path, bytes: new TextEncoder().encode(text) }));
    this.#wasi = createWasi({
      memory,
      control: new GuestControl(meter, DEFAULT_LIMITS, () => 0),
      log: new CallLog(1_024),
      clock: new GuestClock(0),
      random: new ChaCha20Stream(new Uint8Array(32)),
      open: new OpenFiles(buildTree(decodePackageFiles(encodePackageFiles(entries)))),
      sleep: () => Promise.resolve(),
    });
  }

  get view(): DataView {
    return new DataView(this.raw.buffer);
  }

  call(name: string, ...parameters: (number | bigint)[]): unknown {
    return this.#wasi.functions.get(name)?.run(...(parameters as never[]));
  }

  putPath(path: string | Uint8Array): [pointer: number, length: number] {
    const bytes = typeof path === "string" ? new TextEncoder().encode(path) : path;
    new Uint8Array(this.raw.buffer).set(bytes, PATH);
    return [PATH, bytes.length];
  }

  /** Opens a path; gives the descriptor, or the error as a negative number. */
  open(path: string | Uint8Array, { from = ROOT, how = 0, rights = READ } = {}): number {
    const errno = this.call("path_open", from, 1, ...this.putPath(path), how, rights, rights, 0, RESULT) as number;
    return errno === 0 ? this.view.getUint32(RESULT, true) : -errno;
  }

  read(descriptor: number, length: number): string {
    this.view.setUint32(0, BUFFER, true);
    this.view.setUint32(4, length, true);
    const errno = this.call("fd_read", descriptor, 0, 1, RESULT);
    if (errno !== 0) throw new Error(`fd_read gives ${String(errno)}`);
    return this.text(BUFFER, this.view.getUint32(RESULT, true));
  }

  text(pointer: number, length: number): string {
    return new TextDecoder().decode(new Uint8Array(this.raw.buffer, pointer, length));
  }
}

describe("reading", () => {
  test("one folder is open from the start, and is called /", () => {
    const program = new Program();
    expect(program.call("fd_prestat_get", ROOT, RESULT)).toBe(0);
    expect([program.view.getUint32(RESULT, true), program.view.getUint32(RESULT + 4, true)]).toEqual([0, 1]);
    expect(program.call("fd_prestat_dir_name", ROOT, BUFFER, 1)).toBe(0);
    expect(program.text(BUFFER, 1)).toBe("/");
    expect(program.call("fd_prestat_dir_name", ROOT, BUFFER, 0)).toBe(ERRNO.nametoolong);
    expect(program.call("fd_prestat_get", ROOT + 1, RESULT)).toBe(ERRNO.badf);
  });

  test("a file, in pieces, to its end", () => {
    const program = new Program();
    const file = program.open("hello.txt");
    expect(file).toBe(4);
    expect([program.read(file, 5), program.read(file, 100), program.read(file, 100)]).toEqual(["Hello", ", file!", ""]);
  });

  test("into several buffers, and at a place, which moves nothing", () => {
    const program = new Program();
    const file = program.open("hello.txt");
    for (const [at, value] of [BUFFER, 2, BUFFER + 100, 3, BUFFER + 200, 50].entries()) {
      program.view.setUint32(at * 4, value, true);
    }
    expect(program.call("fd_pread", file, 0, 3, 7n, 64)).toBe(0);
    expect(program.view.getUint32(64, true)).toBe(5);
    expect([program.text(BUFFER, 2), program.text(BUFFER + 100, 3)]).toEqual(["fi", "le!"]);
    expect(program.call("fd_pread", file, 0, 3, -1n, 64)).toBe(0);
    expect(program.view.getUint32(64, true)).toBe(0);
    expect(program.read(file, 5)).toBe("Hello");
  });

  test.each([
    { offset: 7n, whence: 0, position: 7n, rest: "file!" },
    { offset: -5n, whence: 2, position: 7n, rest: "file!" },
    { offset: 2n, whence: 1, position: 7n, rest: "file!" },
    { offset: 1_000n, whence: 0, position: 1_000n, rest: "" },
  ])("seeking $offset from $whence", ({ offset, whence, position, rest }) => {
    const program = new Program();
    const file = program.open("hello.txt");
    program.read(file, 5);
    expect(program.call("fd_seek", file, offset, whence, RESULT)).toBe(0);
    expect(program.view.getBigUint64(RESULT, true)).toBe(position);
    expect(program.call("fd_tell", file, RESULT + 8)).toBe(0);
    expect(program.view.getBigUint64(RESULT + 8, true)).toBe(position);
    expect(program.read(file, 100)).toBe(rest);
  });

  test.each([
    [-6n, 1],
    [-13n, 2],
    [-1n, 0],
    [0n, 3],
    [2n ** 62n, 0],
  ])("seeking %d from %d is EINVAL", (offset, whence) => {
    const program = new Program();
    const file = program.open("hello.txt");
    program.read(file, 5);
    expect(program.call("fd_seek", file, offset, whence, RESULT)).toBe(ERRNO.inval);
    expect(program.read(file, 2)).toBe(", ");
  });

  test("what files and folders are", () => {
    const program = new Program();
    expect(program.call("path_filestat_get", ROOT, 1, ...program.putPath("data/words.txt"), BUFFER)).toBe(0);
    expect([program.view.getUint8(BUFFER + 16), program.view.getBigUint64(BUFFER + 32, true)]).toEqual([4, 8n]);
    const folder = program.open("data", { how: 2 });
    expect(program.call("fd_filestat_get", folder, BUFFER)).toBe(0);
    expect(program.view.getUint8(BUFFER + 16)).toBe(3);
    expect(program.call("fd_fdstat_get", folder, BUFFER)).toBe(0);
    expect(program.view.getUint8(BUFFER)).toBe(3);
  });

  test("a folder's entries, in small pieces", () => {
    const program = new Program();
    const folder = program.open("data");
    const names: string[] = [];
    for (let cookie = 0n; ;) {
      expect(program.call("fd_readdir", folder, BUFFER, 40, cookie, RESULT)).toBe(0);
      const used = program.view.getUint32(RESULT, true);
      if (used === 0) break;
      expect(used).toBeLessThanOrEqual(40);
      cookie = program.view.getBigUint64(BUFFER, true);
      const type = program.view.getUint8(BUFFER + 20);
      names.push(`${program.text(BUFFER + 24, program.view.getUint32(BUFFER + 16, true))} ${type}`);
    }
    expect(names).toEqual([". 3", ".. 3", "deep 3", "words.txt 4", "ü 4"]);
    expect(program.call("fd_readdir", folder, BUFFER, 40, -1n, RESULT)).toBe(0);
    expect(program.view.getUint32(RESULT, true)).toBe(0);
  });

  test("standard streams are as ever", () => {
    const program = new Program();
    expect(program.call("fd_seek", 1, 0n, 0, RESULT)).toBe(70);
    expect(program.call("fd_write", 1, 0, 0, RESULT)).toBe(0);
    expect(program.call("fd_read", 0, 0, 0, RESULT)).toBe(0);
  });
});

describe("paths", () => {
  test.each([
    "data/words.txt",
    "./data/./words.txt",
    "data//words.txt",
    "data/deep/../words.txt",
    "data/deep/er/../../../data/words.txt",
  ])("%s", (path) => {
    const program = new Program();
    expect(program.read(program.open(path), 3)).toBe("one");
  });

  test.each([
    ["", "noent"],
    ["missing", "noent"],
    ["data/missing/x", "noent"],
    ["HELLO.TXT", "noent"],
    ["constructor", "noent"],
    ["__proto__", "noent"],
    ["hello.txt/", "notdir"],
    ["hello.txt/x", "notdir"],
    ["hello.txt/..", "notdir"],
    ["/hello.txt", "notcapable"],
    ["/etc/passwd", "notcapable"],
    ["..", "notcapable"],
    ["../hello.txt", "notcapable"],
    ["data/../../hello.txt", "notcapable"],
    ["data/../../../../etc/passwd", "notcapable"],
    ["hello.txt\0", "inval"],
    ["x".repeat(4_097), "nametoolong"],
    ["x/".repeat(2_048), "noent"],
  ] as const)("%j is %s", (path, errno) => {
    const program = new Program();
    expect(program.open(path)).toBe(-ERRNO[errno]);
    expect(program.call("path_filestat_get", ROOT, 0, ...program.putPath(path), BUFFER)).toBe(ERRNO[errno]);
  });

  test("a path from a folder does not lead out of it", () => {
    const program = new Program();
    const from = program.open("data");
    expect(program.read(program.open("words.txt", { from }), 3)).toBe("one");
    expect(program.open("../hello.txt", { from })).toBe(-ERRNO.notcapable);
    expect(program.open("deep/../../hello.txt", { from })).toBe(-ERRNO.notcapable);
  });

  test("bytes that are not UTF-8, ranges outside the memory, descriptors that are no folders", () => {
    const program = new Program();
    expect(program.open(Uint8Array.of(0xff, 0xfe))).toBe(-ERRNO.ilseq);
    expect(program.call("path_open", ROOT, 0, -8, 16, 0, READ, READ, 0, RESULT)).toBe(ERRNO.fault);
    expect(program.call("path_open", ROOT, 0, PATH, -1, 0, READ, READ, 0, RESULT)).toBe(ERRNO.nametoolong);
    expect(program.open("x", { from: program.open("hello.txt") })).toBe(-ERRNO.notdir);
    expect(program.open("x", { from: 99 })).toBe(-ERRNO.badf);
    expect(program.open("x", { from: 1 })).toBe(-ERRNO.badf);
  });
});

describe("writing", () => {
  test.each([
    ["hello.txt", { rights: READ | WRITE }, "rofs"],
    ["hello.txt", { how: 8 }, "rofs"],
    ["new.txt", { how: 1 }, "rofs"],
    ["hello.txt", { how: 1 | 4 }, "exist"],
    ["hello.txt", { how: 2 }, "notdir"],
  ] as const)("opening %s with %o is %s", (path, options, errno) => {
    expect(new Program().open(path, options)).toBe(-ERRNO[errno]);
  });

  test("creating what exists only opens it", () => {
    expect(new Program().open("hello.txt", { how: 1 })).toBe(4);
  });

  test.each([
    "path_create_directory",
    "path_unlink_file",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_link",
  ])("%s is EROFS", (name) => {
    const program = new Program();
    expect(program.call(name, ROOT, ...program.putPath("hello.txt"))).toBe(ERRNO.rofs);
  });

  test("a file is not open for writing, and a folder not for reading", () => {
    const program = new Program();
    expect(program.call("fd_write", program.open("hello.txt"), 0, 1, RESULT)).toBe(ERRNO.badf);
    expect(program.call("fd_read", ROOT, 0, 1, RESULT)).toBe(ERRNO.isdir);
    expect(program.call("fd_readdir", program.open("hello.txt"), BUFFER, 40, 0n, RESULT)).toBe(ERRNO.notdir);
    expect(program.call("path_readlink", ROOT, ...program.putPath("hello.txt"), BUFFER, 9, RESULT)).toBe(ERRNO.inval);
  });
});

describe("descriptors", () => {
  test("are bounded, and free once closed", () => {
    const program = new Program();
    const opened = Array.from({ length: MOST_OPEN - 1 }, () => program.open("hello.txt"));
    expect(new Set(opened).size).toBe(MOST_OPEN - 1);
    expect(program.open("hello.txt")).toBe(-ERRNO.mfile);
    expect(program.call("fd_close", opened[7] ?? 0)).toBe(0);
    expect(program.call("fd_close", opened[7] ?? 0)).toBe(ERRNO.badf);
    expect(program.open("hello.txt")).toBe(opened[7]);
    expect(program.open("hello.txt")).toBe(-ERRNO.mfile);
  });

  test("can be waited for", async () => {
    const program = new Program();
    const file = program.open("hello.txt");
    program.view.setUint8(BUFFER + 8, 1);
    program.view.setUint32(BUFFER + 16, file, true);
    expect(await program.call("poll_oneoff", BUFFER, BUFFER + 64, 1, RESULT)).toBe(0);
    expect(program.view.getUint16(BUFFER + 64 + 8, true)).toBe(0);
  });
});

test("bytes, paths, entries and descriptors are paid for", () => {
  const program = new Program();
  const price = (work: () => unknown): number => {
    const before = program.fuel.value;
    work();
    return Number(before - program.fuel.value);
  };
  let file = 0;
  expect(price(() => (file = program.open("hello.txt")))).toBe(9 * HOST_COSTS.pathByte + HOST_COSTS.descriptor);
  expect(price(() => program.read(file, 100))).toBe(HOST_COSTS.buffer + 12 * HOST_COSTS.copiedByte);
  const listed = price(() => program.call("fd_readdir", ROOT, BUFFER, 4_096, 0n, RESULT));
  expect(listed).toBe(4 * HOST_COSTS.folderEntry + (4 * 24 + 1 + 2 + 4 + 9) * HOST_COSTS.copiedByte);
});

test("the blob of files is the same in whatever order they come", () => {
  const [a, b] = [
    { path: "a", bytes: Uint8Array.of(1, 2) },
    { path: "b/c", bytes: new Uint8Array() },
  ];
  const blob = encodePackageFiles([b, a]);
  expect(blob).toEqual(encodePackageFiles([a, b]));
  expect(decodePackageFiles(blob)).toEqual([a, b]);
  expect(() => decodePackageFiles(Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0))).toThrow(TypeError);
});
