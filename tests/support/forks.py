"""Children for tests of what cannot be taken back: each gives up rights in a process of its own, and answers."""

from __future__ import annotations

import json
import os
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def in_child(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return what `work` returns in a forked child, which has one thread; fail with its traceback if it raises."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer: dict[str, Any] = {"answer": work()}
        except BaseException:  # noqa: BLE001 - shown by the parent
            answer = {"error": traceback.format_exc()}
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answers:
        text = answers.read()
    os.waitpid(child, 0)
    assert text, "the child was killed"
    told = json.loads(text)
    assert "error" not in told, told["error"]
    return told["answer"]


def error_of(call: Callable[[], Any]) -> int:
    """Return the number of the `OSError` that `call` raises; 0 if it raises none."""
    try:
        call()
    except OSError as error:
        return error.errno or -1
    return 0


def sets_of(process: int | str = "self") -> dict[str, str]:
    """Return what /proc says of the rights of a process, by the names of proc(5)."""
    with open(f"/proc/{process}/status", encoding="utf-8") as status:  # noqa: PTH123 - shorter
        pairs = (line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
        return {
            name: value.strip() for name, value in pairs if name.startswith(("Uid", "Gid", "Gro", "Cap", "NoN", "Sec"))
        }
