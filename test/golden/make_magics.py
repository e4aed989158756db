"""What IPython prints and gives for magics that this kernel has too: magics.json beside this file.

    python make_magics.py

Each case is a session of its own, in an empty folder FOLDER: cells in Python, and in TypeScript the same; the last cell's
standard output and value are recorded.
"""

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

SAME = None
# name, cells in Python, cells in TypeScript (SAME: the same text)
CASES = [
    ("writefile", ["%%writefile a.txt\none\ntwo\n"], SAME),
    ("writefile without a last line end", ["%%writefile a.txt\none"], SAME),
    ("writefile again", ["%%writefile a.txt\none", "%%writefile a.txt\ntwo"], SAME),
    ("writefile at the end", ["%%writefile a.txt\none", "%%writefile -a a.txt\ntwo"], SAME),
    ("writefile at the end, in words", ["%%writefile --append a.txt\none"], SAME),
    ("writefile with quotes", ['%%writefile "a b.txt"\none'], SAME),
    ("cd", ["import os\nos.mkdir('sub')", "%cd sub"], ["import { mkdirSync } from 'node:fs';\nmkdirSync('sub')", "%cd sub"]),
    ("cd and back", ["import os\nos.mkdir('sub')", "%cd sub", "%cd -"], ["import { mkdirSync } from 'node:fs';\nmkdirSync('sub')", "%cd sub", "%cd -"]),
    ("cd quietly", ["%cd -q .."], SAME),
    ("pwd", ["%pwd"], SAME),
    ("env with a name", ["%env GOLDEN=a b", "%env GOLDEN"], SAME),
    ("env that sets", ["%env GOLDEN=1"], SAME),
    ("env that sets with a space", ["%env GOLDEN two words"], SAME),
    ("env that sets with spaces around", ["%env GOLDEN = 1"], SAME),
    ("env of an expression", ["n = 3", "%env GOLDEN={n + 1}"], ["const n = 3;", "%env GOLDEN={n + 1}"]),
    ("set_env", ["%set_env GOLDEN=x=y"], SAME),
    ("history", ["1", "2", "%history"], SAME),
    ("history with numbers", ["1", "2\n3", "%history -n"], SAME),
    ("history of a range", ["1", "2", "3", "4", "%history -n 2-3"], SAME),
    ("history of ranges", ["1", "2", "3", "4", "%history -n 4 1-2"], SAME),
    ("history of a range with a colon", ["1", "2", "3", "4", "%history 1:3"], SAME),
    ("history from a cell on", ["1", "2", "3", "%history 2-"], SAME),
    ("history with values", ["1 + 1", "2", "%history -o 1-2"], SAME),
    ("history with values and numbers", ["1 + 1", "%history -no 1"], SAME),
    ("the last of the history", ["1", "2", "3", "%history -l 2"], SAME),
    ("hist", ["5", "%hist -n 1"], SAME),
    ("who", ["alpha = 123", "beta = 'x'", "%who"], ["const alpha = 123;", "const beta = 'x';", "%who"]),
    ("who of a type", ["alpha = 123", "beta = 'x'", "%who str"], ["const alpha = 123;", "const beta = 'x';", "%who string"]),
    ("who of no such type", ["alpha = 123", "%who dict"], ["const alpha = 123;", "%who Map"]),
    ("who of nothing", ["%who"], SAME),
    ("who of many", ["a=b=c=d=e=f=g=h=i=j=k=1", "%who"], ["const a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1;", "%who"]),
    ("whos", ["alpha = 123", "beta = 'x'", "gamma = [1, 2]", "%whos"], ["const alpha = 123;", "const beta = 'x';", "const gamma = [1, 2];", "%whos"]),
    ("capture", ["%%capture out\nprint('a')", "out.stdout"], ["%%capture out\nconsole.log('a')", "out.stdout"]),
    ("capture that lets stdout through", ["%%capture --no-stdout\nprint('a')"], ["%%capture --no-stdout\nconsole.log('a')"]),
    ("capture with a name before the option", ["%%capture out --no-stdout\nprint('a')", "out.stdout"], ["%%capture out --no-stdout\nconsole.log('a')", "out.stdout"]),
    ("a script's output in a variable", ["%%sh --out text\necho hi", "text"], SAME),
    ("a script", ["%%bash\nfor i in 1 2; do echo $i; done"], SAME),
    ("a script by a program", ["%%script cat\none\ntwo"], SAME),
    ("a script that fails and may", ["%%sh --no-raise-error\nexit 3"], SAME),
    ("a command's lines", ["x = !printf 'a\\nb\\n'", "x[1]"], ["const x = !printf 'a\\nb\\n'", "x[1]"]),
    ("a command with an expression", ["n = 2", "x = !echo {n * 3}", "x[0]"], ["const n = 2;", "const x = !echo {n * 3}", "x[0]"]),
    ("a command with braces that are none", ["x = !echo '{print $1}'", "x[0]"], ["const x = !echo '{print $1}'", "x[0]"]),
    ("a command with doubled braces", ["n = 1", "x = !echo {{n}} {n}", "x[0]"], ["const n = 1;", "const x = !echo {{n}} {n}", "x[0]"]),
    ("a command of two lines", ["x = !echo a \\\n  b", "x[0]"], ["const x = !echo a \\\n  b", "x[0]"]),
    ("a magic's value", ["%env GOLDEN=7", "x = %env GOLDEN", "x"], ["%env GOLDEN=7", "const x = %env GOLDEN", "x"]),
    ("time's value", ["%%time\n6 * 7"], SAME),
    ("a magic in a condition", ["if 1 > 0:\n    %env GOLDEN=1"], ["if (1 > 0) {\n    %env GOLDEN=1\n}"]),
    ("load", ["%%writefile a.txt\none\ntwo\nthree", "%load a.txt"], SAME),
    ("load of some lines", ["%%writefile a.txt\none\ntwo\nthree", "%load -r 2-3 a.txt"], SAME),
    ("load of cells", ["1 + 1", "2", "%load 1-2"], SAME),
]


def session(cells):
    """Standard output, value and payload of the last of `cells`."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"hist_file": ":memory:"}}))
    shell.user_ns["_dh"][:] = [os.getcwd()]
    for cell in cells:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            result = shell.run_cell(cell, store_history=True)
        result.raise_error()
        shell.history_manager.writeout_cache()
    # The display hook prints the value as well.
    text = printed.getvalue().split("Out[")[0]
    return {"stdout": text, "value": result.result, "load": getattr(shell, "rl_next_input", None)}


def main():
    home, golden = os.getcwd(), []
    for name, python, typescript in CASES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            os.environ.pop("GOLDEN", None)
            try:
                seen = session(python)
            finally:
                os.chdir(home)
            real, parent = os.path.realpath(folder), os.path.realpath(os.path.dirname(folder))
            text = json.dumps(seen).replace(real, "FOLDER").replace(parent, "PARENT")
            files = {path.name: path.read_text() for path in sorted(Path(folder).glob("*.txt"))}
        golden.append({"name": name, "cells": typescript or python, **json.loads(text), "files": files})
    InteractiveShell.clear_instance()
    lists = InteractiveShell.instance().magics_manager.lsmagic()
    out = {"magics": {kind: sorted(names) for kind, names in lists.items()}, "cases": golden}
    (Path(__file__).parent / "magics.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
