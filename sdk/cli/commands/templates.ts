/** A template of `patchbay create`. */
export interface Template {
  /** Folders of sdk/templates, each laid over those before it. */
  readonly folders: readonly string[];
  /** A binding of sdk/bindings that the plugin has a copy of, and where in its folder. */
  readonly binding?: { readonly from: string; readonly to: string };
}

function typescript(name: string): Template {
  return { folders: ["shared", name] };
}

function compiled(name: string, from: string, to: string): Template {
  return { folders: ["compiled", name], binding: { from, to } };
}

/** What a plugin may begin as. The first is taken where none is named. */
export const TEMPLATES: Readonly<Record<string, Template>> = {
  typescript: typescript("typescript"),
  hook: typescript("hook"),
  endpoint: typescript("endpoint"),
  service: typescript("service"),
  assemblyscript: { folders: ["compiled", "assemblyscript"] },
  c: compiled("c", "c/patchbay.h", "src/patchbay.h"),
  rust: compiled("rust", "rust/patchbay.rs", "src/patchbay.rs"),
  go: compiled("go", "go/patchbay.go", "patchbay/patchbay.go"),
  zig: compiled("zig", "zig/patchbay.zig", "src/patchbay.zig"),
};

export const TEMPLATE_NAMES: readonly string[] = Object.keys(TEMPLATES);
