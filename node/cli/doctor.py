"""`doctor`: what is missing or in the way on this device, and what to do about it. Changes nothing."""

from collections.abc import Sequence

from node.cli.checks import CHECKS, Finding, State, Subject
from node.cli.printing import harmless, parser, show_json
from protocol.errors import IslandRunError


def doctor(argv: Sequence[str]) -> int:
    """Exit status 1 where there is a problem."""
    arguments = parser("doctor", "What is missing or in the way on this device, and what to do about it.")
    json_wanted = arguments.parse_args(argv).json
    findings = examine(Subject.here())
    if json_wanted:
        rows = [{"check": f.check, "state": f.state.value, "found": f.found, "advice": f.advice} for f in findings]
        show_json({"ok": not _is_bad(findings), "checks": rows})
    else:
        for finding in findings:
            print(harmless(f"{finding.state.value:<8} {finding.check:<11} {finding.found}"))
            if finding.advice:
                print(harmless(f"{'':<8} {'':<11} → {finding.advice}"))
    return 1 if _is_bad(findings) else 0


def examine(subject: Subject) -> list[Finding]:
    """Every check, in order. One that cannot be made is a problem itself, and the others are made all the same."""
    findings: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            findings += [Finding(name, *outcome) for outcome in check(subject)]
        except (IslandRunError, OSError) as error:
            findings.append(Finding(name, State.PROBLEM, str(error), ""))
    return findings


def _is_bad(findings: Sequence[Finding]) -> bool:
    return any(finding.state is State.PROBLEM for finding in findings)
