/** Plots of what a model does; each shows itself in a notebook and saves itself. */
export { type PlotAttentionOptions, plotAttention } from "./attention";
export { type PlotAttributionOptions, plotAttribution } from "./attribution";
export { type PlotCompareOptions, plotCompare } from "./compare";
export { type PlotDistributionsOptions, plotDistributions, type TimedSeries } from "./distributions";
export { Drawing } from "./drawing";
export { type PlotEmbeddingsOptions, plotEmbeddings } from "./embeddings";
export { Figure } from "./figure";
export { type PlotHeadsOptions, plotHeads } from "./heads";
export { type PlotLensOptions, plotLens, type PlotRanksOptions, plotRanks } from "./lens";
export { type CacheLike, type PlotMemoryOptions, plotMemory } from "./memory";
export { type PlotNextTokenOptions, plotNextToken } from "./next_token";
export { type PlotPatchOptions, plotPatch } from "./patch";
export { type PlotTimingsOptions, plotTimings, type Timings, type TimingsLike } from "./timings";
export { type PlotTokensOptions, plotTokens } from "./tokens";
export { type LabelTokenizer, tokenLabel } from "./token_label";
export { type PlotTreeOptions, plotTree } from "./tree";
export { View } from "./view";
