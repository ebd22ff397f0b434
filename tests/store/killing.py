"""Writes to a store without pause in a child, kills the child with SIGKILL at a random moment, looks at the store, again and again.

Run as a process of its own: it forks. Arguments: the state's URL, rounds, seed. Prints one line a round.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys

from merge_tool.model.outcome import FileVerdict, Verdict
from merge_tool.model.state import Approval, RunStatus, StoryStatus, now
from merge_tool.store.open import open_store
from merge_tool.store.store import Store
from tests.store.samples import UNITS, outcome, run

RUN = run(project="p").id


def write_for_ever(url: str, seed: int, acknowledge: int) -> None:
    """Random operations; each number that is written to `acknowledge` stands for a journal line that must outlive the kill."""
    rng = random.Random(seed)
    with open_store(url, "p") as store:
        for number in range(10**9):
            unit = rng.choice(UNITS)
            choice = rng.randrange(7)
            if choice <= 2:
                index = rng.randrange(4)
                store.begin_step(RUN, *unit, index, kind="copy", tree_before="t")
                result = outcome(f"{seed}-{number}", files=rng.randrange(60))
                store.finish_step(RUN, *unit, index, status="done", tree_after="t", outcome=result)
            elif choice == 3:
                store.finish_story(RUN, *unit, f"{seed:04}{number:036}", StoryStatus.DONE)
            elif choice == 4:
                store.reset_stories(RUN, [unit, *rng.sample(UNITS, 2)], "f" * 40)
            elif choice == 5:
                store.approve(RUN, Approval(unit[0], "review", "Ann", "a@b", str(number), now()))
            else:
                store.record_file(
                    RUN, *unit, FileVerdict("by-hand.py", Verdict.RESOLVED, "person", str(number))
                )
            store.event(RUN, "acknowledged", f"{seed} {number}")
            os.write(acknowledge, f"{number}\n".encode())


def check(store: Store, seed: int, acknowledged: int) -> str:
    """Whether all that was acknowledged is there, and every record whole."""
    active = store.active_run()
    assert active is not None
    stories = store.stories(RUN)
    assert [(item.story_id, item.batch) for item in stories] == UNITS
    commits = {item.commit for item in stories if item.status is StoryStatus.DONE}
    assert active.tip == "f" * 40 or active.tip in commits, (
        "the tip is a story's commit, or that of the rollback"
    )
    assert all(bool(item.commit) == (item.status is StoryStatus.DONE) for item in stories)
    recorded = {(item.story_id, item.batch, item.path) for item in store.files(RUN) if item.by != "person"}
    wanted = set()
    for step in store.all_steps(RUN):
        assert (step.status == "done") == (step.outcome is not None), step
        if step.outcome is not None:
            wanted |= {(step.story_id, step.batch, item.path) for item in step.outcome.files}
    missing = wanted - recorded
    assert not missing, f"a step is done and its files are not recorded: {sorted(missing)[:3]}"
    journal = [int(item.text.split()[1]) for item in store.events(RUN) if item.text.startswith(f"{seed} ")]
    assert journal == list(range(len(journal)))
    assert len(journal) > acknowledged, "an acknowledged write is gone"
    return f"{len(journal)} operations, {len(wanted)} files"


def main(url: str, rounds: int, seed: int) -> None:
    """Kills and looks."""
    rng = random.Random(seed)
    with open_store(url, "p") as store:
        store.create_run(run(project="p"), UNITS)
    for number in range(1, rounds + 1):
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            write_for_ever(url, number, into)
            os._exit(0)
        os.close(into)
        told = b""
        while b"\n" not in told:  # at least one operation
            told += os.read(out, 65536)
        select.select([], [], [], rng.uniform(0.0, 0.15))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the writer failed before it was killed"
        while more := os.read(out, 65536):
            told += more
        os.close(out)
        with open_store(url, "p") as store:
            said = check(store, number, int(told.split()[-1]))
            store.update_run(RUN, target=f"round {number}")
            assert store.last_run().status is RunStatus.ACTIVE  # type: ignore[union-attr]
        print(f"round {number}: {said}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
