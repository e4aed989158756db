/** Tensors: numbers with a shape, on the device until they are read. */
export type { DataArray, DataType } from "./storage";
export { tensor } from "./factory";
export type { SliceArgument } from "./shape";
export { type NestedArray, Tensor, type TopK } from "./tensor";
