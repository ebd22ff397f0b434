"""Runs units (stories, or parts of batched stories) in order.

The order of writes makes a kill at any moment harmless:

1. A step works in memory and on new git objects only; nobody sees them.
2. Its outcome and resulting tree are recorded in one transaction.
3. After the last step the commit is made, the branch moves by compare-and-swap, then the record follows. A kill between
   the last two is found by the commit's trailers (`Session.reconcile`).

The worktree is only a view of the recorded tree. Before a step that hands conflicts to a person is recorded, the view
is made; so a recorded stop always shows what the person is to resolve.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from merge_tool.actions.base import Context, UpstreamView
from merge_tool.actions.criteria import evaluate
from merge_tool.actions.upstream import effective_upstream
from merge_tool.engine.join import JOIN, Join
from merge_tool.engine.leftover import merged_paths
from merge_tool.engine.messages import commit_message
from merge_tool.engine.session import Session
from merge_tool.engine.signatures import signatures
from merge_tool.errors import ActionError, MergeToolError, StateError
from merge_tool.model.outcome import CriterionStatus, Outcome, OutcomeStatus
from merge_tool.model.plan import Story
from merge_tool.model.state import StepState, StoryStatus
from merge_tool.plan.order import Unit, unit_dependencies, units
from merge_tool.plan.patterns import batch_files
from merge_tool.vcs.workspace import Workspace
from merge_tool.vcs.worktree import Worktree

FINISHED = (StoryStatus.DONE, StoryStatus.SKIPPED)
CRITERIA = "criteria"
_TO_STORY = {
    OutcomeStatus.STOPPED: StoryStatus.STOPPED,
    OutcomeStatus.GATE: StoryStatus.GATE,
    OutcomeStatus.FAILED: StoryStatus.STOPPED,
}


@dataclass(frozen=True)
class RunResult:
    """What a command's run came to: units done now, the one that stopped (or None), and those that wait for others."""

    done: tuple[Unit, ...] = ()
    stopped: Unit | None = None
    outcome: Outcome | None = None
    waiting: tuple[tuple[Unit, tuple[str, ...]], ...] = ()
    finished: bool = False


class Runner:
    """Runs units of one session's plan."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._upstream: UpstreamView | None = None

    def run(self, wanted: Iterable[Unit]) -> RunResult:
        """Runs the wanted units that are ready, in dependency order, until all are done or one stops."""
        session = self.session
        chosen = set(wanted)
        order = [unit for unit in units(session.plan) if unit in chosen]
        needs = unit_dependencies(session.plan)
        done: list[Unit] = []
        waiting: list[tuple[Unit, tuple[str, ...]]] = []
        for number, unit in enumerate(order, 1):
            states = self.states()
            if states[unit] in FINISHED:
                continue
            if blocked := tuple(str(need) for need in sorted(needs[unit]) if states[need] not in FINISHED):
                waiting.append((unit, blocked))
                continue
            outcome = self.run_unit(unit, number, len(order))
            if outcome.status is not OutcomeStatus.DONE:
                return RunResult(tuple(done), unit, outcome, tuple(waiting))
            done.append(unit)
        finished = all(state in FINISHED for state in self.states().values())
        return RunResult(tuple(done), waiting=tuple(waiting), finished=finished)

    def states(self) -> dict[Unit, StoryStatus]:
        """The recorded status of every unit."""
        recorded = {
            Unit(item.story_id, item.batch): item.status
            for item in self.session.store.stories(self.session.run.id)
        }
        return {unit: recorded.get(unit, StoryStatus.WAITING) for unit in units(self.session.plan)}

    def can_run(self, wanted: Iterable[Unit]) -> bool:
        """Whether one of the wanted units is not done and waits for nothing that is not done."""
        states, needs = self.states(), unit_dependencies(self.session.plan)
        return any(
            states[unit] not in FINISHED and all(states[need] in FINISHED for need in needs[unit])
            for unit in wanted
        )

    def recheck(self, wanted: Iterable[Unit]) -> None:
        """Evaluates the criteria of finished stories again, on the branch as it is now (after a commit by hand, say)."""
        session, states = self.session, self.states()
        for unit in wanted:
            story = self.story(unit)
            if states[unit] is StoryStatus.DONE and story.criteria and self._is_last(unit, story):
                tree = session.repo.tree_of(session.run.tip)
                session.listener.story_started(story, self.batch_of(unit), 1, 1)
                session.listener.step_started(story, CRITERIA, 1, 1)
                ctx = self.context(unit, story, Workspace(session.repo, tree), tree)
                outcome = self._criteria(ctx, story)
                for result in outcome.criteria:
                    session.store.record_criterion(session.run.id, story.id, result)
                session.listener.step_ended(story, CRITERIA, outcome)

    # One unit

    def run_unit(self, unit: Unit, number: int = 1, total: int = 1) -> Outcome:
        """Runs one unit from where it stands to its commit, or to a stop."""
        session, store = self.session, self.session.store
        run_id, story = session.run.id, self.story(unit)
        session.listener.story_started(story, self.batch_of(unit), number, total)
        state = next(
            (s for s in store.stories(run_id) if (s.story_id, s.batch) == (unit.story_id, unit.batch)), None
        )
        base = state.base_commit if state and state.base_commit else session.run.tip
        if not self.recorded_steps(unit):
            base = session.run.tip  # nothing done yet: begin where the branch stands now
        store.set_story(run_id, unit.story_id, unit.batch, status=StoryStatus.RUNNING, base_commit=base)
        tree = session.repo.tree_of(base)
        steps = self.steps_of(story, unit)
        for index, (kind, action) in enumerate(steps):
            recorded = {step.index: step for step in self.recorded_steps(unit)}.get(index)
            if recorded is not None and recorded.status == "done":
                tree = recorded.tree_after
                continue
            if recorded is not None and recorded.tree_before:
                tree = recorded.tree_before
            session.listener.step_started(story, kind, index + 1, len(steps))
            outcome, tree = self._step(unit, story, index, kind, action, tree, session.repo.tree_of(base))
            session.listener.step_ended(story, kind, outcome)
            if outcome.status is not OutcomeStatus.DONE:
                store.set_story(
                    run_id,
                    unit.story_id,
                    unit.batch,
                    status=_TO_STORY[outcome.status],
                    message=outcome.summary,
                )
                session.listener.story_ended(story, _TO_STORY[outcome.status].value, "")
                return outcome
        if base != session.run.tip:
            outcome, tree = self._join(unit, story, len(steps), base, tree)
            if outcome.status is not OutcomeStatus.DONE:
                status = _TO_STORY[outcome.status]
                store.set_story(run_id, unit.story_id, unit.batch, status=status, message=outcome.summary)
                session.listener.story_ended(story, status.value, "")
                return outcome
        commit = self._commit(unit, story, tree)
        session.listener.story_ended(story, "done", commit)
        return Outcome(OutcomeStatus.DONE, f"committed as {commit[:12]}")

    def _join(self, unit: Unit, story: Story, index: int, base: str, tree: str) -> tuple[Outcome, str]:
        """Takes in the commits that a person made on the branch since the unit started at `base`."""
        session = self.session
        recorded = {step.index: step for step in self.recorded_steps(unit)}.get(index)
        if recorded is not None and recorded.status == "done" and recorded.outcome is not None:
            base, tree = recorded.outcome.details[0], recorded.tree_after
            if base == session.run.tip:
                return recorded.outcome, tree
        elif recorded is not None and recorded.tree_before:
            tree = recorded.tree_before
        session.listener.step_started(story, JOIN, index + 1, index + 1)
        outcome, after = self._step(unit, story, index, JOIN, Join(base), tree, session.repo.tree_of(base))
        session.listener.step_ended(story, JOIN, outcome)
        return outcome, after

    def _step(
        self, unit: Unit, story: Story, index: int, kind: str, action: Any, tree: str, story_tree: str
    ) -> tuple[Outcome, str]:
        """Runs and records one step; returns its outcome and the tree after it."""
        session = self.session
        key = (session.run.id, unit.story_id, unit.batch, index)
        session.store.begin_step(*key, kind=kind, tree_before=tree)
        workspace = Workspace(session.repo, tree)
        try:
            ctx = self.context(
                unit,
                story,
                workspace,
                story_tree,
                needs_upstream=kind not in ("branch", "backup", "fetch", "gate", JOIN),
            )
            outcome = self._criteria(ctx, story) if kind == CRITERIA else action.run(ctx)
            if kind == "fetch" and outcome.status is OutcomeStatus.DONE:
                self.pin_upstream(again=True)
            after = workspace.flush()
        except MergeToolError as error:
            outcome = Outcome(OutcomeStatus.FAILED, str(error), details=(error.hint,) if error.hint else ())
            after = tree
        if outcome.status is not OutcomeStatus.DONE:
            session.checkout(after)
        session.store.finish_step(*key, status=outcome.status.value, tree_after=after, outcome=outcome)
        return outcome, after

    def _criteria(self, ctx: Context, story: Story) -> Outcome:
        results = evaluate(ctx, story.criteria)
        count = {status: sum(item.status is status for item in results) for status in CriterionStatus}
        summary = ", ".join(f"{number} {status.value}" for status, number in count.items() if number)
        return Outcome(OutcomeStatus.DONE, f"acceptance criteria: {summary}", criteria=results)

    def _commit(self, unit: Unit, story: Story, tree: str) -> str:
        """Commits the unit's tree and moves the branch, then the record."""
        session = self.session
        outcomes = [
            step.outcome for step in self.recorded_steps(unit) if step.kind != CRITERIA and step.outcome
        ]
        criteria = [
            item
            for step in self.recorded_steps(unit)
            if step.kind == CRITERIA and step.outcome
            for item in step.outcome.criteria
        ]
        message = commit_message(
            session.plan, story, str(unit), session.run.id, self.batch_of(unit), outcomes, criteria
        )
        commit = session.repo.commit_tree(tree, [session.run.tip], message, session.identity())
        if not session.dry_run:
            name = str(unit).replace("#", "-batch")
            session.repo.update_refs(
                [(session.branch_ref, commit, session.run.tip), (session.ref(f"story/{name}"), commit, None)]
            )
        session.store.finish_story(session.run.id, unit.story_id, unit.batch, commit, StoryStatus.DONE)
        session.refresh()
        session.checkout(tree)
        return commit

    # What a unit is made of

    def story(self, unit: Unit) -> Story:
        """The unit's story."""
        story = self.session.plan.story(unit.story_id)
        if story is None:
            raise StateError(f"the plan has no story {unit.story_id}")
        return story

    def batch_of(self, unit: Unit) -> str:
        """Such as "batch 1 of 3", or ""."""
        batches = self.story(unit).batches
        return f"batch {unit.batch} of {batches.count}" if batches and unit.batch else ""

    def steps_of(self, story: Story, unit: Unit) -> list[tuple[str, Any]]:
        """The unit's steps as `(kind, action)`; the last one evaluates the criteria of a story that has some."""
        result: list[tuple[str, Any]] = []
        for spec in story.actions:
            split = getattr(spec.action, "split", None)
            result += [(spec.kind, part) for part in (split() if split else (spec.action,))]
        return [*result, (CRITERIA, None)] if story.criteria and self._is_last(unit, story) else result

    def _is_last(self, unit: Unit, story: Story) -> bool:
        """Whether the story is complete with this unit; then its criteria are evaluated."""
        return story.batches is None or unit.batch == story.batches.count

    def recorded_steps(self, unit: Unit) -> Sequence[StepState]:
        """The steps of the unit that the store knows, in order."""
        return self.session.store.steps(self.session.run.id, unit.story_id, unit.batch)

    def context(
        self, unit: Unit, story: Story, workspace: Workspace, story_tree: str, *, needs_upstream: bool = True
    ) -> Context:
        """What an action of this unit is given."""
        session = self.session
        if needs_upstream:
            self.pin_upstream()
        run = session.run
        facts = {
            "run": run.id, "date": run.date, "fork_ref": run.fork_ref, "fork_commit": run.fork_commit, "tip": run.tip,
            "upstream_commit": run.upstream_commit, "merge_base": run.merge_base, "merge_branch": run.merge_branch,
            "backup_branch": session.plan.git.backup_branch.replace("{date}", run.date),
        }  # fmt: skip
        upstream = self._since_last_merge(self._view()) if run.upstream_commit and needs_upstream else None
        approvals = signatures(session, story.id, unit.batch)
        return Context(
            repo=session.repo, workspace=workspace, plan=session.plan, story=story, batch=unit.batch, policy=session.policy,
            facts=facts, upstream=upstream, story_base=story_tree, batch_files=self._batch_files(unit, story, upstream),
            dry_run=session.dry_run, say=session.listener.say, settings=session.settings, approvals=approvals, green_runs=session.green_runs,
            worktree=None if session.dry_run else lambda: self._materialise(workspace),
        )  # fmt: skip

    def _materialise(self, workspace: Workspace) -> Worktree:
        self.session.checkout(workspace.flush())
        return self.session.worktree

    def _batch_files(self, unit: Unit, story: Story, upstream: UpstreamView | None) -> tuple[str, ...] | None:
        """The files of a batched story's part: of all files that differ between the fork and upstream, or stand here."""
        if story.batches is None or not unit.batch:
            return None
        files = set(self.session.repo.ls_tree(self.session.run.fork_commit))
        if upstream is not None:
            files |= set(self.session.repo.ls_tree(upstream.tree))
        return batch_files(self.session.plan, story, sorted(files), unit.batch)

    # Upstream

    def pin_upstream(self, *, again: bool = False) -> None:
        """Notes upstream's commit and the merge base in the run, once; a fetch of this run notes them again.

        Nothing is noted while upstream has not been fetched.
        """
        session = self.session
        if session.run.upstream_commit and not again:
            return
        wanted = session.plan.upstream
        commit = session.repo.try_resolve(wanted.commit or f"refs/remotes/{wanted.remote}/{wanted.branch}")
        if commit is None:
            if wanted.commit and again:
                raise ActionError(
                    f"upstream's commit {wanted.commit} is not here after the fetch",
                    hint="check upstream: commit: in the plan",
                )
            return
        base = session.repo.merge_base(session.run.fork_commit, commit)
        session.update_run(upstream_commit=commit, merge_base=base)
        self._upstream = None

    def _since_last_merge(self, view: UpstreamView) -> UpstreamView:
        """The view with upstream's own text as the base of every file that this run has merged or copied already.

        Merging such a file once more then keeps it, with all that codemods and people did to it since, instead of
        meeting the same conflicts again.
        """
        taken = merged_paths(self.session)
        if not taken:
            return view
        repo = self.session.repo
        base, theirs = repo.ls_tree(view.base), repo.ls_tree(view.tree)
        changes = {path: theirs.get(path) for path in taken if theirs.get(path) != base.get(path)}
        return replace(view, base=repo.write_tree(view.base, changes))

    def _view(self) -> UpstreamView:
        run = self.session.run
        if self._upstream is None or self._upstream.commit != run.upstream_commit:
            self._upstream = effective_upstream(
                self.session.repo, self.session.plan, run.upstream_commit, run.merge_base
            )
        return self._upstream
