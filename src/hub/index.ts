/** Finding models: on this disk, in the shared Hugging Face cache, on the hub. */
export { type DefaultModelOptions, defaultModel } from "./default_model";
export type { ProgressInfo } from "./download";
export { HubError } from "./error";
export { type ResolvedModel, type ResolveOptions, resolveOptions } from "./local";
export { openResolved } from "./repair";
export { resolveModel } from "./resolve";
export { hubCache } from "./settings";
