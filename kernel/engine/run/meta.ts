/** `import.meta` of a file, or of a cell: then of a file in the notebook's folder. */
import { createRequire, isBuiltin } from "node:module";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";

export interface Meta {
  url: string;
  filename: string;
  dirname: string;
  main: boolean;
  resolve(specifier: string): string;
}

export function metaOf(filename: string): Meta {
  const url = pathToFileURL(filename).href;
  const resolve = (specifier: string): string => {
    if (/^\.{0,2}\//.test(specifier)) return new URL(specifier, url).href;
    if (isBuiltin(specifier)) return specifier.startsWith("node:") ? specifier : `node:${specifier}`;
    if (URL.canParse(specifier)) return specifier;
    return pathToFileURL(createRequire(filename).resolve(specifier)).href;
  };
  return Object.assign(Object.create(null) as Meta, {
    dirname: dirname(filename),
    filename,
    main: false,
    resolve,
    url,
  });
}
