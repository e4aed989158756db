/** Tensors: numbers with a shape, on the device until they are read. */
export type { DataArray, DataType } from "./storage";
export { tensor } from "./factory";
export { type NestedArray, type SliceArgument, Tensor } from "./tensor";
