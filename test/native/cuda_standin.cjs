/**
 * A stand-in for the addon on a machine without a GPU, for PHI3LAB_ADDON: the real addon, but `cuda()` lists one device,
 * and a model opened on "cuda" says that it is there, while it computes on the CPU. What JavaScript does with a device is
 * tested with it; of the CUDA backend nothing is.
 */
const real = require("../../build-addon/Release/phi3lab.node");

const GiB = 2 ** 30;
const device = { index: 0, name: "Stand-in", memory_total: 16 * GiB, memory_free: 15 * GiB, capability: "8.6" };

/** What a GPU would say of the passes that it replays when nothing is timed. */
const replays = { passes: 99, staged: 0.3, replayed: 0.2 };

/** A model of the real addon that says "cuda", and what its weights were asked to be kept in. */
const onCuda = (model, dtype) =>
  new Proxy(model, {
    get(target, name) {
      if (name === "device") return "cuda";
      if (name === "dtype") return dtype;
      if (name === "stopProfile") return async () => ({ ...(await target.stopProfile()), replays });
      const value = target[name];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });

async function open(options) {
  if (options.device !== "cuda") return real.open(options);
  if (options.dtype === "auto") throw new Error('[open] Expected a dtype on a GPU but received "auto"');
  const { dtype, kv_dtype: _, compute: __, ...rest } = options;
  return onCuda(await real.open({ ...rest, device: "cpu", dtype: "auto" }), dtype);
}

module.exports = {
  ...real,
  open,
  cuda: () => ({ built: true, driver_version: 13000, runtime_version: 13000, problem: "", devices: [device] }),
};
