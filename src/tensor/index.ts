/** Tensors: numbers with a shape, on the device until they are read. */
export type { DataArray, DataType } from "./storage";
export type { Operand } from "./broadcast";
export { Arithmetic } from "./arithmetic";
export { arange, cat, cos_sim, eye, full, ones, randn, type RandomOptions, stack, tensor, zeros } from "./factory";
export { Reductions, type SortOptions, type TopK, type VarianceOptions } from "./reductions";
export { Selection, where } from "./selection";
export type { SliceArgument } from "./shape";
export { type NestedArray, Tensor } from "./tensor";
export { Views } from "./views";
