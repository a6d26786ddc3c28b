import { describe, expect, test } from "vitest";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { parseManifest } from "../../../sdk/contract/manifest.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { offersOf } from "../../../worker/control/offer-rules.ts";

const install = (pluginId: string, members: Record<string, unknown>, active = true) => ({
  pluginId,
  active,
  offering: parseManifest({ ...manifestOf(), ...members }),
});

const hook = (more: Record<string, unknown> = {}) => ({ name: "a:b", function: "run", ...more });

describe("hooks", () => {
  test("run by class, then priority, then plugin id", () => {
    const { hooks } = offersOf([
      install("z.one", { hooks: [hook({ priority: 0 })] }),
      install("b.two", { hooks: [hook({ class: "security", priority: 900 })] }),
      install("a.three", { hooks: [hook({ class: "security", priority: 900 })] }),
      install("m.four", { hooks: [hook({ class: "infrastructure", priority: 1_000 })] }),
      install("a.five", { hooks: [hook({ class: "middleware" }), hook({ name: "c:d" })] }),
    ]);
    expect(hooks?.["a:b"]?.map(({ pluginId }) => pluginId)).toEqual(["m.four", "a.three", "b.two", "a.five", "z.one"]);
    expect(hooks?.["c:d"]).toMatchObject([{ pluginId: "a.five", class: "business", priority: 100 }]);
  });

  test("of installs that may not run are left out, and nothing is compiled of nothing", () => {
    expect(offersOf([install("a.one", { hooks: [hook()] }, false), install("a.two", {})])).toEqual({});
  });

  test("carry what the manifest says", () => {
    const more = {
      criticality: "critical",
      timeoutMs: 50,
      mode: "broadcast",
      fallback: { plugin: "acme.other", function: "f" },
    };
    expect(offersOf([install("a.one", { hooks: [hook(more)] })]).hooks?.["a:b"]?.[0]).toEqual({
      pluginId: "a.one",
      functionName: "run",
      class: "business",
      priority: 100,
      ...more,
    });
  });
});

test("manifests stored before there was middleware are read", () => {
  const offering = {
    hooks: [{ name: "a:b", function: "run", priority: 5 }],
    middleware: null,
    services: null,
    api: null,
  };
  const old = { pluginId: "a.one", active: true, offering: offering as never }; // as an earlier version wrote it
  expect(offersOf([old]).hooks?.["a:b"]).toMatchObject([{ class: "business", priority: 5, criticality: "optional" }]);
});

test("middleware is critical unless it says otherwise, and each point has its own order", () => {
  const { middleware } = offersOf([
    install("a.one", {
      middleware: [
        { point: "request", function: "f" },
        { point: "response", function: "g" },
      ],
    }),
    install("a.two", { middleware: [{ point: "request", function: "f", class: "security", paths: ["/execute/*"] }] }),
  ]);
  expect(middleware?.request).toMatchObject([
    { pluginId: "a.two", paths: ["/execute/*"], criticality: "critical" },
    { pluginId: "a.one", class: "middleware" },
  ]);
  expect(middleware?.response).toMatchObject([{ pluginId: "a.one", functionName: "g" }]);
});

test("a service is the first plugin's that provides it", () => {
  const services = { services: { provides: [{ name: "mail.send", function: "send" }] } };
  const { services: offered } = offersOf([install("b.two", services), install("a.one", services)]);
  expect(offered).toEqual({ "mail.send": { pluginId: "a.one", functionName: "send" } });
});

test("endpoints with literal segments come before those with parameters", () => {
  const paths = ["/:a/:b", "/:a/list", "/orders/:id", "/orders/list", "/"];
  const endpoints = paths.map((path) => ({ method: "GET", path, function: "run" }));
  const { endpoints: offered } = offersOf([install("a.one", { api: { endpoints } })]);
  const order = offered?.["a.one"]?.map(({ path }) => path) ?? [];
  expect(order.filter((path) => path !== "/")).toEqual(["/orders/list", "/orders/:id", "/:a/list", "/:a/:b"]);
});

describe("a manifest is refused where", () => {
  test.each<[string, Record<string, unknown>, string]>([
    ["a hook's class is unknown", { hooks: [hook({ class: "first" })] }, "/hooks/0/class"],
    ["a timeout is 0", { hooks: [hook({ timeoutMs: 0 })] }, "/hooks/0/timeoutMs"],
    ["a fallback is neither", { hooks: [hook({ fallback: { other: 1 } })] }, "/hooks/0/fallback"],
    ["middleware is at no point", { middleware: [{ point: "both", function: "f" }] }, "/middleware/0/point"],
    [
      "middleware looks at what is not called",
      { middleware: [{ point: "request", function: "f", paths: ["/upload"] }] },
      "/middleware/0/paths/0",
    ],
    [
      "two endpoints could not be told apart",
      {
        api: {
          endpoints: [
            { method: "GET", path: "/a/:x", function: "f" },
            { method: "GET", path: "/a/:y", function: "g" },
          ],
        },
      },
      "/api/endpoints/1",
    ],
    [
      "a path names two segments alike",
      { api: { endpoints: [{ method: "GET", path: "/:x/:x", function: "f" }] } },
      "/api/endpoints/0/path",
    ],
    [
      "an origin is none",
      { api: { endpoints: [{ method: "GET", path: "/", function: "f", cors: { origins: ["app.example.com"] } }] } },
      "/api/endpoints/0/cors/origins/0",
    ],
    ["the lifecycle has another member", { lifecycle: { init: "f" } }, "/lifecycle/init"],
  ])("%s", (_what, members, path) => {
    const error = (() => {
      try {
        parseManifest({ ...manifestOf(), ...members });
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    if (!(error instanceof PlatformError)) throw new Error("the manifest was taken");
    expect(error.issues?.map((issue) => issue.path).join(" ")).toContain(path);
  });
});
