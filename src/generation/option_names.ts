/** The names of the options of `generate`, for checking. */
import type { FlagNames, OptionNames } from "../options";
import type { GenerateArguments, GenerateOptions, GenerationOptions, NeutralOptions, TokenOptions } from "./options";

/** Options that are true or false. */
export const flags: FlagNames<Omit<GenerateOptions, "early_stopping" | keyof NeutralOptions>> = {
  do_sample: true,
  use_cache: true,
  remove_invalid_values: true,
  renormalize_logits: true,
  output_scores: true,
  output_logits: true,
  output_hidden_states: true,
  output_attentions: true,
  return_dict_in_generate: true,
  return_timings: true,
};

/** Names of {@link GenerationOptions}. */
export const generationOptions: OptionNames<GenerationOptions> = {
  max_new_tokens: true,
  max_length: true,
  min_new_tokens: true,
  min_length: true,
  max_time: true,
  stop_strings: true,
  do_sample: true,
  num_beams: true,
  early_stopping: true,
  length_penalty: true,
  num_return_sequences: true,
  temperature: true,
  top_k: true,
  top_p: true,
  top_h: true,
  min_p: true,
  typical_p: true,
  epsilon_cutoff: true,
  eta_cutoff: true,
  repetition_penalty: true,
  encoder_repetition_penalty: true,
  no_repeat_ngram_size: true,
  encoder_no_repeat_ngram_size: true,
  bad_words_ids: true,
  sequence_bias: true,
  suppress_tokens: true,
  begin_suppress_tokens: true,
  forced_bos_token_id: true,
  forced_eos_token_id: true,
  exponential_decay_length_penalty: true,
  remove_invalid_values: true,
  renormalize_logits: true,
  eos_token_id: true,
  pad_token_id: true,
  use_cache: true,
  cache_implementation: true,
  bos_token_id: true,
  guidance_scale: true,
  num_beam_groups: true,
  diversity_penalty: true,
  penalty_alpha: true,
  dola_layers: true,
  constraints: true,
  force_words_ids: true,
  watermarking_config: true,
  token_healing: true,
};

/** Names of {@link TokenOptions}. */
export const tokenOptions: OptionNames<TokenOptions> = {
  ...generationOptions,
  seed: true,
  generation_config: true,
  logits_processor: true,
  stopping_criteria: true,
  prefix_allowed_tokens_fn: true,
  streamer: true,
  signal: true,
  edits: true,
};

/** Names of {@link GenerateArguments}. */
export const generateArguments: OptionNames<GenerateArguments> = {
  ...tokenOptions,
  ...flags,
  top_logprobs: true,
  on_step: true,
  tokenizer: true,
  input_ids: true,
  inputs: true,
  inputs_embeds: true,
  attention_mask: true,
  position_ids: true,
  past_key_values: true,
};
