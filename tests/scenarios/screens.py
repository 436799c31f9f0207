"""What people see, kept as text in docs/screens: a test compares what it sees with the kept one, but for figures
and names. HEARTH_SCREENS=1 writes them anew."""

import os
import re

from harness import TOP

FOLDER = TOP / "docs/screens"


def masked(text):
    """Figures become #, a model to run NAME; how many blanks stand between columns is their widths' doing. So
    does tools/cleanroom.sh."""
    text = re.sub(r"hearth run (?!FILE)\S+", "hearth run NAME", text)
    text = re.sub(r"\d+(?:[.,]\d+)*", "#", text)
    text = re.sub(r"\b(?:MB|GB|KiB|MiB|GiB)\b", "B", text)
    return "\n".join(re.sub(r" {2,}", "  ", line.rstrip()) for line in text.strip("\n").splitlines())


def compare(name, text):
    path = FOLDER / f"{name}.txt"
    if os.environ.get("HEARTH_SCREENS") == "1":
        path.write_text(text.strip("\n") + "\n")
    assert masked(text) == masked(path.read_text()), f"docs/screens/{name}.txt says something else"
