"""What a chat request's body says to this node alone: its member `islandrun`, which goes nowhere from here."""

import re

from protocol.chat import ChatRequest
from protocol.errors import RequestError

MEMBER = "islandrun"
_KNOWN = ("collection",)
_COLLECTION = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_AUTO_AT = "auto@"


def taken_out(request: ChatRequest) -> tuple[ChatRequest, str | None]:
    """The request without the member, and the collection that it names. Raises RequestError naming the member at fault.

    Nothing in it is guessed or passed by: what is not known here may have been meant to tighten something.
    """
    if MEMBER not in request.body:
        return request, None
    members = request.body[MEMBER]
    if not isinstance(members, dict):
        raise RequestError(MEMBER, "expected an object")
    if not members.keys() <= set(_KNOWN):
        raise RequestError(f"{MEMBER}.*", f"an unknown member; expected {', '.join(_KNOWN)}")
    collection = members.get("collection")
    if not isinstance(collection, str) or not _COLLECTION.fullmatch(collection):
        raise RequestError(f"{MEMBER}.collection", "expected the name of a collection")
    model = request.model
    if model.startswith(_AUTO_AT) and model != _AUTO_AT + collection:
        raise RequestError(f"{MEMBER}.collection", "the model names another collection")
    return request.with_body(**{MEMBER: None}), collection
