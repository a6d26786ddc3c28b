/**
 * Globals that a plugin gets where its code names them. The build puts this file in front of every module; of its exports, and of
 * the capabilities behind them, only those that are named stay.
 */
export { AbortController, AbortSignal } from "./abort.ts";
export { fetch } from "./fetch.ts";
export { Headers } from "./headers.ts";
export { Request } from "./request.ts";
export { Response } from "./response.ts";
export { subtle as patchbaySubtle } from "./subtle.ts";
export { default as URL } from "core-js-pure/actual/url/index.js";
export { default as URLSearchParams } from "core-js-pure/actual/url-search-params/index.js";
export { default as structuredClone } from "@ungap/structured-clone";
