/** The error of everything that finds or fetches models. */

/**
 * A model that is nowhere, that is gated, or that could not be fetched; its message says what to do.
 *
 * @example
 * const loading = AutoTokenizer.from_pretrained("nobody/nothing", { local_files_only: true });
 * const error = await loading.catch((reason) => reason);
 * error instanceof HubError; // => true
 * error.message; // => "nobody/nothing is not (or not wholly) in the cache …"
 */
export class HubError extends Error {
  /** Always "HubError". */
  override name = "HubError";
  /** The HTTP status that the hub answered with; undefined where it was not asked or did not answer. */
  readonly status: number | undefined;
  /** What the hub calls the reason ("RevisionNotFound", "GatedRepo"); undefined where it gave none. */
  readonly code: string | undefined;

  /** @internal */
  constructor(message: string, options: { cause?: unknown; status?: number; code?: string | null } = {}) {
    super(message, { cause: options.cause });
    this.status = options.status;
    this.code = options.code ?? undefined;
  }
}
