import { describe, expect, test } from "vitest";
import { openGuest, openPackage, text } from "../../support/guests/guest-isolate.ts";

/** A C program with the files of its package, and with another module, in a Dynamic Worker. */

const FILES = { "data/words.txt": "plain\nbridge\ntrampoline\n", "data/more/a.txt": "aaa", "about.txt": "about" };
const program = openPackage({ main: "files", scoring: "scoring" }, { files: FILES });

async function answer(name: string, input = ""): Promise<string | undefined> {
  const outcome = await program.call(name, { input });
  expect(outcome.failure).toBeUndefined();
  return text(outcome.output);
}

describe("a program of a C compiler", () => {
  test.each([
    { name: "look_up", input: "bridge", output: "line 2, score 60" },
    { name: "look_up", input: "absent", output: "unknown" },
    { name: "list", input: "/", output: "./ ../ about.txt data/ " },
    { name: "list", input: "/data", output: "./ ../ more/ words.txt " },
    { name: "list", input: "/about.txt", output: "Not a directory" },
    { name: "last_bytes", input: "/data/more/../words.txt", output: "ne\n" },
    { name: "last_bytes", input: "about.txt", output: "out" },
    { name: "size", input: "/data/words.txt", output: "file of 24 bytes" },
    { name: "size", input: "/data", output: "folder of 0 bytes" },
    { name: "size", input: "/etc/passwd", output: "No such file or directory" },
    { name: "size", input: "/../../etc/passwd", output: "Capabilities insufficient" },
    { name: "size", input: "../about.txt", output: "Capabilities insufficient" },
    { name: "size", input: "x".repeat(4_090), output: "No such file or directory" },
    { name: "write", input: "/about.txt", output: "Read-only file system" },
    { name: "write", input: "/new.txt", output: "Read-only file system" },
    { name: "remove", input: "/about.txt", output: "Read-only file system" },
    { name: "hoard", input: "", output: "63: No file descriptors available" },
  ])("$name $input", async ({ name, input, output }) => {
    expect(await answer(name, input)).toBe(output);
  });

  test("finds its files unchanged and its descriptors closed in every call", async () => {
    await answer("hoard");
    expect(await answer("hoard")).toBe("63: No file descriptors available");
    expect(await answer("look_up", "plain")).toBe("line 1, score 50");
  });

  test("may have files and no other module", async () => {
    const alone = openPackage({ main: "stdio" }, { files: { "etc/passwd": "nobody" } });
    expect(text((await alone.call("open_file")).output)).toBe("a file");
    expect(text((await openGuest("stdio").call("open_file")).output)).toBe("no file");
  });
});
