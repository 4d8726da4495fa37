"""What a step says of each of its checks, and how it ends."""

failed = False


def verdict(name: str, complaints: list[str], done: str) -> None:
    """A check with nothing to complain of passes, and tells what was `done`; else the first complaint stands beside its name."""
    global failed
    if not complaints:
        print(f"pass: {name}, {done}", flush=True)
        return
    failed = True
    more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    print(f"FAIL: {name}: {complaints[0]}{more}", flush=True)
    for complaint in complaints[1:]:
        print(complaint, flush=True)


def outcome() -> int:
    """The exit code of the step."""
    return 1 if failed else 0
