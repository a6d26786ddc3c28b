/** Packages without types of their own, which have the platform's interfaces. */
declare module "core-js-pure/actual/url/index.js" {
  const constructor: typeof URL;
  export default constructor;
}
declare module "core-js-pure/actual/url-search-params/index.js" {
  const constructor: typeof URLSearchParams;
  export default constructor;
}
declare module "@ungap/structured-clone" {
  const clone: typeof structuredClone;
  export default clone;
}
