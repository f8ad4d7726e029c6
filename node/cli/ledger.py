"""`ledger show|verify|export`: read from this node's own file, running or not."""

import datetime
from collections.abc import Sequence

from node.cli import spending
from node.cli.printing import add_json_flag, harmless, parser, show_json, show_table, shown
from node.cli.settings import settings
from node.clock import now
from node.store import budget
from node.store import ledger as receipts
from node.store.database import Store
from node.store.ledger import Receipt
from protocol.errors import StateError
from protocol.terms import NANO_USD_PER_USD


def ledger(argv: Sequence[str]) -> int:
    made = parser("ledger", "What was asked of whom, and what it cost.", json_flag=False)
    verbs = made.add_subparsers(dest="verb", required=True)
    show = verbs.add_parser("show", help="the newest receipts, or one whole")
    show.add_argument("id", nargs="?", help="a decision's id, or its beginning")
    show.add_argument("--spending", action="store_true", help="what today and this month have come to, alone")
    show.add_argument("--limit", type=int, default=20, help="how many of the newest")
    verify = verbs.add_parser("verify", help="whether a receipt was changed or taken out")
    export = verbs.add_parser("export", help="every receipt as JSON lines, oldest first, with --json and without")
    for one in (show, verify, export):
        add_json_flag(one)
    wanted = made.parse_args(argv)
    known = settings()
    with Store.open_read_only(known.directory.database) as store:
        if wanted.verb == "export":
            store.peek(lambda connection: [print(line) for line in receipts.export(connection)])
            return 0
        if wanted.verb == "verify":
            return _verify(store, wanted.json)
        if wanted.id:
            return _one(store, wanted.id, wanted.json)
        lines = spending.spending(store, known.config.caps, budget.day_of(now().wall_s))
        if wanted.spending and wanted.json:
            show_json([line.to_json() for line in lines])
            return 0
        if not wanted.json:
            spending.show(lines)
        return 0 if wanted.spending else _latest(store, wanted.limit, wanted.json)


def _verify(store: Store, json_wanted: bool) -> int:
    found = store.peek(receipts.verify)
    if json_wanted:
        show_json({"receipts": found.receipts, "head": found.head, "problem": found.problem})
    else:
        print(found.problem or f"{found.receipts} receipts fit together; the last hash is {found.head}")
    return 0 if found.problem is None else 1


def _one(store: Store, receipt_id: str, json_wanted: bool) -> int:
    receipt = store.peek(lambda connection: receipts.show(connection, receipt_id))
    if receipt is None:
        raise StateError(f"no receipt {receipt_id}: `islandrun ledger show` lists them")
    if json_wanted:
        show_json(receipt.to_json())
        return 0
    for name, value in receipt.to_json().items():
        if name != "refusals":
            print(f"{name.replace('_', ' '):<18} {shown(value)}")
    for refusal in receipt.refusals:
        print(f"refused            {harmless(refusal.offer)} ({refusal.tier})")
        for reason in refusal.reasons:
            print(harmless(f"                   - {reason.agent}: {reason.detail} [{reason.code}]"))
    return 0


def _latest(store: Store, limit: int, json_wanted: bool) -> int:
    rows = store.peek(lambda connection: receipts.latest(connection, limit))
    if json_wanted:
        show_json([row.to_json() for row in rows])
        return 0
    show_table(
        ("decision", "when", "outcome", "offer", "tier", "sensitivity", "tokens", "usd"),
        [_row(row) for row in rows],
    )
    return 0


def _row(row: Receipt) -> tuple[object, ...]:
    return (
        row.id[:12],
        datetime.datetime.fromtimestamp(row.at_wall_s).isoformat(" "),
        row.outcome.value,
        row.offer,
        row.tier.label if row.tier is not None else None,
        row.sensitivity.label,
        _tokens(row),
        f"{row.cost / NANO_USD_PER_USD:.6f}",
    )


def _tokens(row: Receipt) -> str:
    cached = f" ({row.cached_tokens} cached)" if row.cached_tokens else ""
    return f"{row.prompt_tokens}{cached}+{row.completion_tokens}"
