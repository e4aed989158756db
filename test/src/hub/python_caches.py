"""What Python's huggingface_hub makes of a hub and of names. python_caches.ts runs it; not by itself.

    python python_caches.py NAME, with HF_ENDPOINT and HF_HOME

It fetches the files that standard input lists, as `{"file", "revision"}`, or says what names mean.
"""

import json
import sys

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError
from huggingface_hub.hf_file_system import HfFileSystem


def fetch(model, wanted):
    for one in wanted:
        try:
            hf_hub_download(model, one["file"], revision=one["revision"])
        except EntryNotFoundError:
            pass


def mean(names):
    # Whether there is such a repository is nobody's question here.
    HfFileSystem._repo_and_revision_exist = lambda *args, **kwargs: (True, None)
    files = HfFileSystem()
    for name in names:
        try:
            found = files.resolve_path(name)
            yield [name, found.repo_id, found.revision, found.path_in_repo]
        except ValueError:
            yield [name, None, None, None]


given = json.load(sys.stdin)
if sys.argv[1] == "names":
    json.dump(list(mean(given)), sys.stdout)
else:
    fetch(sys.argv[1], given)
