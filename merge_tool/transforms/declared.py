"""The transforms that a policy declares."""

from __future__ import annotations

from merge_tool.model.policy import Policy, TransformPolicy
from merge_tool.transforms.base import Transform
from merge_tool.transforms.codemod import CodemodTransform
from merge_tool.transforms.comments import StripComments, TranslateComments
from merge_tool.transforms.rename import Rename


def transforms_of(policy: Policy) -> tuple[Transform, ...]:
    """The policy's transforms in their order.

    Raises:
        UserError: a codemod is not known, or its options are wrong.
    """
    return tuple(_made(item, policy, index) for index, item in enumerate(policy.transforms))


def _made(item: TransformPolicy, policy: Policy, index: int) -> Transform:
    if item.codemod:
        where = f"{policy.source or policy.name}: transforms[{index}]"
        return CodemodTransform(
            item.codemod, item.options, policy, paths=item.paths, context=item.context, where=where
        )
    if item.comments == "translated":
        return TranslateComments(docstrings=item.docstrings, paths=item.paths)
    if item.comments:
        return StripComments(item.scripts, docstrings=item.docstrings, paths=item.paths)
    return Rename(item.rename, item.suffixes, strings=item.strings, paths=item.paths)
