"""Runs a notebook from start to end without a browser: prints what each cell gives as it comes, and writes the executed
notebook and one HTML page that needs no network.

    python scripts/chapter.py NOTEBOOK [--out FOLDER] [--plotly plotly.js] [--static]

With --static every drawing is a picture and text, for places that run no scripts, as GitHub; the copy is NAME-static.ipynb.

Exit codes: 0 when every cell ran, 1 when one failed, 130 when interrupted; the files are written in each case.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import time
import uuid
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter

PLOTLY = "application/vnd.plotly.v1+json"
IN_PLACE = sys.stdout.isatty()
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def title(cell):
    """A cell's first line that says something, for a reader who follows along."""
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    text = next((line for line in lines if not line.startswith("%%capture")), lines[0] if lines else "(empty)")
    return text if len(text) <= 100 else text[:99] + "…"


def as_text(data):
    """An output's MIME bundle in letters."""
    text = data.get("text/plain")
    if text is None:
        text = f"[{', '.join(data)}]"
    return "".join(text)


class Reader(NotebookClient):
    """A notebook client that prints every output when it arrives."""

    def __init__(self, notebook, **options):
        super().__init__(notebook, **options)
        self.at_line_start = True
        # Outputs that change in place (progress bars): shown so far, by name; only the last state is printed to a file.
        self.changing = {}
        self.interrupts = 0

    def take_signals(self):
        """Ctrl-C interrupts the cell, a second one ends the kernel. nbclient's own handlers would end it at once, and
        the cell's outputs with it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.interrupt)

    def interrupt(self):
        self.interrupts += 1
        if self.interrupts == 1:
            self.ending = asyncio.ensure_future(self.km.interrupt_kernel())
        else:
            self.ending = asyncio.ensure_future(self.km.shutdown_kernel(now=True))

    def print(self, text):
        if not IN_PLACE:
            text = COLOUR.sub("", text)
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            self.at_line_start = text.endswith("\n")

    def print_lines(self, text):
        """Text that begins on a line of its own and ends its line."""
        self.print(("" if self.at_line_start else "\n") + text + ("" if text.endswith("\n") else "\n"))

    def process_message(self, msg, cell, cell_index):
        kind, content = msg["msg_type"], msg["content"]
        name = (content.get("transient") or {}).get("display_id")
        if kind == "stream":
            self.print(content["text"])
        elif kind in ("display_data", "execute_result") and name is None:
            self.print_lines(as_text(content["data"]))
        elif kind in ("display_data", "execute_result", "update_display_data"):
            self.changing[name] = as_text(content["data"])
            if IN_PLACE and "\n" not in self.changing[name].rstrip():
                self.print("\r\x1b[K" + self.changing[name].rstrip())
        elif kind == "error":
            self.print_lines("\n".join(content["traceback"]) or f"{content['ename']}: {content['evalue']}")
        return super().process_message(msg, cell, cell_index)

    def cell_ends(self):
        """Brings what changed in place to its final state."""
        if IN_PLACE and self.changing and not self.at_line_start:
            self.print("\r\x1b[K")
            self.at_line_start = True
        for text in self.changing.values():
            self.print_lines(text)
        self.changing = {}
        if not self.at_line_start:
            self.print("\n")


def run(notebook, folder):
    """Executes the cells in place; gives the exit code."""
    started = 0.0

    def begin(cell, cell_index, **_):
        nonlocal started
        started = time.monotonic()
        client.take_signals()
        if cell.cell_type == "code":
            number = sum(c.cell_type == "code" for c in notebook.cells[: cell_index + 1])
            client.print_lines(f"\n[{number}] {title(cell)}")

    def finish(cell, **_):
        if cell.cell_type == "code":
            client.cell_ends()
            client.print_lines(f"    ({time.monotonic() - started:.1f} s)")

    client = Reader(
        notebook,
        timeout=None,
        startup_timeout=120,
        iopub_timeout=60,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=begin,
        on_cell_executed=finish,
    )
    try:
        client.execute()
        return 0
    except CellExecutionError as error:
        reason = f"This cell failed ({error.ename}: {error.evalue})"
    except DeadKernelError:
        reason = "The kernel ended in this cell"
    except KeyboardInterrupt:
        client.interrupts += 1
    except (NoSuchKernel, RuntimeError) as error:
        client.print_lines(f"\nThe notebook's kernel could not be started: {error}")
        return 1
    if client.interrupts > 0:
        reason = "Interrupted"
    client.cell_ends()
    client.print_lines(f"\n{reason}; the cells after this one were not run.")
    return 130 if client.interrupts > 0 else 1


def live_plot(data):
    """The HTML of one plotly figure: its picture until the script has drawn it. In a notebook the renderer has a plot
    follow the width of its cell; here plotly does so itself."""
    name = f"plot-{uuid.uuid4().hex}"
    # Nothing in the JSON may end the script element.
    figure = json.dumps(data[PLOTLY]).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return (
        f'<div id="{name}">{"".join(data.get("text/html", ""))}</div>\n'
        f'<script>(() => {{ const figure = {figure}; const place = document.getElementById("{name}");\n'
        f"place.replaceChildren();\n"
        f"Plotly.newPlot(place, figure.data, figure.layout, {{ ...figure.config, responsive: true }}); }})();</script>"
    )


def page(notebook, name, plotly):
    """The notebook as one HTML page: plots live, no reference to any server."""
    shown = nbformat.from_dict(notebook)
    plots = False
    for cell in shown.cells:
        for output in cell.get("outputs", []):
            if PLOTLY in output.get("data", {}):
                output.data["text/html"] = live_plot(output.data)
                plots = True
    exporter = HTMLExporter(
        require_js_url="",
        mathjax_url="",
        mermaid_js_url="",
        mermaid_layout_elk_js_url="",
        jquery_url="",
        embed_images=True,
    )
    html, _ = exporter.from_notebook_node(shown, {"metadata": {"name": name}})
    # Empty addresses would be read as the page's own.
    html = re.sub(r'<script src=""\s*>\s*</script>', "", html)
    if not plots:
        return html
    library = Path(plotly).read_text("utf-8").replace("</script", "<\\/script")
    head, rest = html.split("</head>", 1)
    return f"{head}<script>{library}</script>\n</head>{rest}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--plotly", type=Path, help="plotly.js, for pages with plots")
    parser.add_argument("--static", action="store_true", help="drawings as pictures, for places without scripts")
    options = parser.parse_args()

    if not options.notebook.is_file():
        sys.exit(f"There is no notebook {options.notebook}")
    try:
        notebook = nbformat.read(options.notebook, as_version=4)
    except Exception as error:  # nbformat raises several kinds for a file that is no notebook
        sys.exit(f"{options.notebook} cannot be read as a notebook: {error}")
    # What an earlier run left must not pass for this one's.
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if options.static:
        os.environ["PHI3LAB_STATIC"] = "1"  # The kernel's, too.
    code = run(notebook, options.notebook.resolve().parent)

    options.out.mkdir(parents=True, exist_ok=True)
    name = options.notebook.stem + ("-static" if options.static else "")
    executed = options.out / f"{name}.ipynb"
    nbformat.write(notebook, executed)
    html = options.out / f"{name}.html"
    html.write_text(page(notebook, name, options.plotly), "utf-8")
    print(f"\nWritten: {os.path.relpath(executed)} and {os.path.relpath(html)}")
    sys.exit(code)


if __name__ == "__main__":
    main()
