/** Tensors: numbers with a shape, on the device until they are read. */
export type { DataArray, DataType } from "./storage";
export type { Operand } from "./arithmetic";
export { Arithmetic } from "./arithmetic";
export { cat, cos_sim, full, ones, stack, tensor, zeros } from "./factory";
export type { SliceArgument } from "./shape";
export { type NestedArray, Tensor, type TopK } from "./tensor";
