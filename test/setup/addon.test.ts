/** The addon's build step on an addon of one line: what it takes, when it builds again, what it says of errors. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { cleanEnvironment, ended, root, Sandbox } from "./sandbox";

const lists = `cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES CXX)
add_library(phi3lab SHARED native/addon.cc \${CMAKE_JS_SRC})
set_target_properties(phi3lab PROPERTIES PREFIX "" SUFFIX ".node")
target_include_directories(phi3lab PRIVATE \${CMAKE_JS_INC})
target_link_libraries(phi3lab PRIVATE \${CMAKE_JS_LIB})
if(APPLE)
  target_link_options(phi3lab PRIVATE -undefined dynamic_lookup)
endif()
`;
const source = (answer: number) => `#include <node_api.h>
NAPI_MODULE_INIT() {
  napi_value answer;
  napi_create_int32(env, ${answer}, &answer);
  return answer;
}
`;

describe("the addon's build", function () {
  this.timeout(120_000);
  const sandbox = new Sandbox();
  const bin = join(root, ".venv", "bin");
  const built = join(sandbox.path, "build-addon", "Release", "phi3lab.node");

  before(() => {
    const manifest = { name: "small", version: "1.0.0", binary: { napi_versions: [9] } };
    sandbox.write("package.json", JSON.stringify(manifest));
    sandbox.write("CMakeLists.txt", lists);
    sandbox.write("native/addon.cc", source(41));
    mkdirSync(join(sandbox.path, ".cache"));
    symlinkSync(join(root, "node_modules"), join(sandbox.path, "node_modules"));
  });
  after(() => sandbox.remove());

  function build(env: NodeJS.ProcessEnv = {}, options = {}) {
    const script = pathToFileURL(join(sandbox.path, "scripts/setup/addon.mjs")).href;
    const code = `import(${JSON.stringify(script)}).then((step) => step.buildAddon(${JSON.stringify(options)})).catch((error) => {
      console.error(error.message); process.exitCode = 1; });`;
    const path = [bin, process.env.PATH].join(delimiter);
    return ended(spawn(process.execPath, ["-e", code], { env: cleanEnvironment({ PATH: path, ...env }) }));
  }
  const answer = () => spawnSync(process.execPath, ["-p", `require(${JSON.stringify(built)})`], { encoding: "utf8" });

  it("makes an addon that Node loads, with the headers of the lock file whatever npm's nodedir says", async () => {
    const { code, output } = await build({ npm_config_nodedir: join(sandbox.path, "nowhere") });
    assert.equal(code, 0, output);
    assert.equal(answer().stdout, "41\n");
    const commands = readFileSync(join(sandbox.path, "build-addon/compile_commands.json"), "utf8");
    assert.match(commands, /node-api-headers/);
  });

  it("builds again after a change, from the same configuration", async () => {
    const configured = join(sandbox.path, "build-addon", "CMakeCache.txt");
    const before = statSync(configured).birthtimeMs;
    sandbox.write("native/addon.cc", source(42));
    assert.equal((await build()).code, 0);
    assert.equal(answer().stdout, "42\n");
    assert.equal(statSync(configured).birthtimeMs, before);
  });

  it("is done until a source of the addon changes, in native/ or cpu/ or what builds them", async () => {
    const script = pathToFileURL(join(sandbox.path, "scripts/setup/addon.mjs")).href;
    const done = () => {
      const code = `import(${JSON.stringify(script)}).then(({ addonStep }) => console.log(addonStep.done()))`;
      const env = cleanEnvironment({ PHI3LAB_CUDA: "off" });
      return spawnSync(process.execPath, ["-e", code], { encoding: "utf8", env }).stdout.trim();
    };
    mkdirSync(join(sandbox.path, "cpu"));
    mkdirSync(join(sandbox.path, "native/model"));
    assert.equal((await build()).code, 0);
    assert.equal(done(), "true");
    for (const name of ["native/addon.cc", "native/model/new.h", "cpu/new.cc", "CMakeLists.txt"]) {
      const file = join(sandbox.path, name);
      const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
      sandbox.write(name, `${before ?? ""}\n`);
      assert.equal(done(), "false", name);
      if (before === undefined) rmSync(file);
      else sandbox.write(name, before);
      assert.equal(done(), "true", name);
    }
  });

  it("configures anew when CMakeLists.txt changes", async () => {
    sandbox.write("build-addon/left-over", "");
    sandbox.write("CMakeLists.txt", `${lists}target_compile_definitions(phi3lab PRIVATE SOMETHING=1)\n`);
    assert.equal((await build()).code, 0);
    assert.ok(!existsSync(join(sandbox.path, "build-addon/left-over")));
    assert.match(readFileSync(join(sandbox.path, "build-addon/compile_commands.json"), "utf8"), /SOMETHING=1/);
  });

  it("tells CMake of CUDA where that was decided, and configures anew for it", async () => {
    const say = `message(STATUS "\${PHI3LAB_CUDA} by $ENV{CUDACXX} for \${PHI3LAB_CUDA_ARCHITECTURES}")\n`;
    sandbox.write("CMakeLists.txt", `${lists}${say}`);
    const log = () => readFileSync(join(sandbox.path, ".cache/setup/addon.log"), "utf8");
    const cuda = {
      built: true,
      nvcc: "/some/nvcc",
      version: "13.0",
      architectures: ["80-real", "90a-real"],
      flags: "",
    };
    assert.equal((await build({}, { cuda })).code, 0);
    assert.match(log(), /-- ON by \/some\/nvcc for 80-real;90a-real/);
    assert.equal((await build({ CUDACXX: undefined })).code, 0);
    assert.match(log(), /-- {2}by {2}for/);
  });

  it("shows the compiler's error", async () => {
    sandbox.write("native/addon.cc", "int broken( {\n");
    const { code, output } = await build();
    assert.equal(code, 1);
    assert.match(output, /This failed \(ended with 1\)/);
    assert.match(output, /addon\.cc/);
    assert.match(output, /\.cache\/setup\/addon\.log/);
  });
});
