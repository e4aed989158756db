/** Magics that IPython has and this kernel has not, with what serves here instead. */

const shell = (command: string): string => `use !${command}`;
const none = (why: string): string => `nothing is needed instead, ${why}`;
const errors = "an error shows its line, its frames and its causes as they are";
const mode = "cells read the same in every session";

/** A clause a magic, that goes on behind a colon. */
export const elsewhere: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...Object.fromEntries("cat cp mkdir mv rm rmdir man more less clear".split(" ").map((name) => [name, shell(name)])),
    ...{
      ls: shell("ls"),
      ll: shell("ls -l"),
      lf: shell("ls -l"),
      lk: shell("ls -l"),
      lx: shell("ls -l"),
      ldir: shell("ls -l"),
    },
    ...Object.fromEntries(
      "alias unalias alias_magic rehashx macro"
        .split(" ")
        .map((name) => [name, "use a function, !command, or registerMagic of phi3lab, which adds a magic"]),
    ),
    ...Object.fromEntries(
      "conda mamba micromamba pip uv"
        .split(" ")
        .map((name) => [name, `packages of JavaScript come by %npm install NAME; for Python's, use !${name}`]),
    ),
    ...Object.fromEntries("automagic autocall autoawait".split(" ").map((name) => [name, none(mode)])),
    ...Object.fromEntries("colors xmode doctest_mode code_wrap".split(" ").map((name) => [name, none(errors)])),
    ...Object.fromEntries(
      "pdef pdoc pfile pinfo pinfo2 psource pycat"
        .split(" ")
        .map((name) => [name, "Shift-Tab on a name shows its type and its documentation"]),
    ),
    ...Object.fromEntries(
      "pushd popd dirs dhist bookmark".split(" ").map((name) => [name, "use %cd FOLDER and %cd -"]),
    ),
    ...Object.fromEntries(
      "logon logoff logstart logstate logstop save pastebin notebook"
        .split(" ")
        .map((name) => [name, "use %history -f FILE, which writes the cells into a file"]),
    ),
    ...Object.fromEntries(
      "recall rep rerun".split(" ").map((name) => [name, "use %load 3, which puts cell 3's text into this one"]),
    ),
    ...Object.fromEntries(
      "reset reset_selective xdel"
        .split(" ")
        .map((name) => [name, "restart the kernel, or assign undefined to a name"]),
    ),
    ...Object.fromEntries(
      "python python2 python3 perl ruby pypy cmd".split(" ").map((name) => [name, `use %%script ${name}`]),
    ),
    ...Object.fromEntries(
      "sc sx system".split(" ").map((name) => [name, "use !command, or const lines = !command for its output"]),
    ),
    ...Object.fromEntries(
      "load_ext reload_ext unload_ext"
        .split(" ")
        .map((name) => [name, "import a package; registerMagic of phi3lab adds a magic"]),
    ),
    ...Object.fromEntries(
      "pylab matplotlib"
        .split(" ")
        .map((name) => [name, "a plot shows itself as a cell's last value, or by display(plot)"]),
    ),
    ...{
      debug: "print with console.log, or start Node's debugger by !node --inspect-brk FILE",
      pdb: "an error shows its line and its causes",
    },
    ...{ tb: "an error shows its stack; a caught one prints it by console.error(error)" },
    ...{ prun: "use %timeit or %%bench; model.profile() shows the stages of a model" },
    ...{ run: 'use await import("./file.ts"), !node FILE, or %load FILE' },
    ...{
      loadpy: "use %load FILE",
      edit: "use %load FILE and %%writefile FILE",
      ed: "use %load FILE and %%writefile FILE",
    },
    ...{
      config: "the kernel has no settings of that kind",
      gui: none("the event loop is Node's"),
      killbgscripts: shell("kill PID"),
    },
    ...{ autoindent: none("the front end indents"), autosave: none("the front end saves"), page: "use display(value)" },
    ...{ pprint: "values are printed readably; use JSON.stringify(value, null, 2)", precision: "use value.toFixed(3)" },
    ...{
      psearch: "use %who; completion lists names",
      store: "use %%writefile, or fs.writeFileSync",
      who_ls: "use %who",
    },
    ...{ qtconsole: shell("jupyter qtconsole --existing"), connect_info: shell("jupyter console --existing") },
    ...{ rehash: none("commands are looked up when they run") },
  }),
);
