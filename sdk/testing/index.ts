export { createHost, type Answering, type HostOptions, type ProfiledCall, type TestHost } from "./host.ts";
export { PluginCall, PluginCallError, type HostCall } from "./call-result.ts";
export type { Finding, Metric, OutgoingWebhook, PublishedMessage } from "./effects.ts";
export type { PluginProfile, ProfiledFrame, ProfiledPath } from "../profile/profile.ts";
export type { StoredValues } from "./stored-values.ts";
