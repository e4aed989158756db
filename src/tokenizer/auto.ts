/** Finds a model's tokenizer: in a folder, in a .gguf file, or on the hub. */
import { openResolved, type ResolveOptions, resolveOptions } from "../hub";
import { checkOptions, type OptionNames, pickOptions } from "../options";
import { readGgufTokenizer } from "./gguf";
import { readFolderTokenizer } from "./load";
import { PreTrainedTokenizer } from "./tokenizer";

/** What {@link AutoTokenizer.from_pretrained} takes: where the files lie. */
export interface TokenizerLoadOptions extends ResolveOptions {
  /** Accepted and ignored: no code is ever run from a model. */
  trust_remote_code?: boolean;
  /** Accepted and ignored: there is one kind. */
  use_fast?: boolean;
  /** Accepted and ignored: tokenizer.json says it. */
  legacy?: boolean;
}

/** Their names, for checking. */
export const tokenizerLoadOptions: OptionNames<TokenizerLoadOptions> = {
  ...resolveOptions,
  trust_remote_code: true,
  use_fast: true,
  legacy: true,
};

/**
 * Loads tokenizers, under transformers' name.
 *
 * @example const tokenizer = await AutoTokenizer.from_pretrained(await defaultModel());
 */
export class AutoTokenizer {
  /**
   * Loads a model's tokenizer, fetching what is not on this disk; the weights are not fetched.
   *
   * @param model An id of the hub ("microsoft/Phi-3-mini-4k-instruct", "owner/name@revision"), a GGUF file of the hub
   *   ("owner/name:Q4_K_M" or "owner/name/file.gguf"), a page's address, a folder or a .gguf file.
   * @throws HubError, one sentence: nowhere, gated, no network, no space.
   * @throws Error, one sentence: damaged, of an unknown kind.
   * @throws TypeError for an option that does not exist.
   * @example const tokenizer = await AutoTokenizer.from_pretrained(id);
   * @example const tokenizer = await AutoTokenizer.from_pretrained("microsoft/Phi-3-mini-4k-instruct");
   */
  static async from_pretrained(model: string, options: TokenizerLoadOptions = {}): Promise<PreTrainedTokenizer> {
    checkOptions(options, tokenizerLoadOptions, "AutoTokenizer.from_pretrained");
    const hub = pickOptions<ResolveOptions>(options, resolveOptions);
    const spec = await openResolved(model, { ...hub, only: "tokenizer" }, ({ folder, gguf }) =>
      gguf === undefined ? readFolderTokenizer(folder) : readGgufTokenizer(gguf),
    );
    return new PreTrainedTokenizer({ ...spec, name_or_path: model });
  }
}
