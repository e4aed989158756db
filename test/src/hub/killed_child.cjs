// Fetches a model when it is told to, by the built library: a process to be killed. Says "ready", and "done".
const { resolveModel } = require("../../../dist/src/hub");

process.once("message", ({ id, options }) => {
  resolveModel(id, options).then(
    () => process.send("done"),
    (error) => process.send(String(error)),
  );
});
process.send("ready");
