"""Where outputs go, and that what was published does not wait while training goes on."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tinytorch_milestones.widgets.screen import Notebook, Printer

_IN_KERNEL = """
from tinytorch_milestones.widgets.screen import this_screen
screen, waiting = this_screen(), []
assert screen.live
for number in range(20):
    screen.put("slot", {"text/plain": str(number)})
    waiting.append(len(get_ipython().kernel.iopub_thread._events))
print(max(waiting))
"""


def test_each_slot_is_shown_once_then_changed_and_sent_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []

    class Handle:
        def display(self, bundle: Any, **options: Any) -> None:
            done.append(f"display {bundle['text/plain']}")

        def update(self, bundle: Any, **options: Any) -> None:
            done.append(f"update {bundle['text/plain']}")

    class Out:
        def flush(self) -> None:
            done.append("sent")

        def write(self, text: str) -> None:
            raise AssertionError(text)

    monkeypatch.setattr("IPython.display.DisplayHandle", Handle)
    monkeypatch.setattr(sys, "stdout", Out())
    screen = Notebook()
    for slot, text in (("a", "1"), ("b", "2"), ("a", "3")):
        screen.put(slot, {"text/plain": text})
    assert done == ["display 1", "sent", "display 2", "sent", "update 3", "sent"]


def test_a_kernel_has_sent_a_frame_before_the_next_step() -> None:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    said: list[str] = []

    def receive(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])

    try:
        reply = client.execute_interactive(_IN_KERNEL, output_hook=receive, timeout=60)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok", reply["content"]
    assert "".join(said).strip() == "0"


def test_a_printer_says_text_only(capsys: pytest.CaptureFixture[str]) -> None:
    Printer().put("slot", {"text/plain": "plain", "text/html": "<b>not this</b>"})
    assert capsys.readouterr().out == "plain\n"
