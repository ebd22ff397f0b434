"""Whether a tenant stands in a key's value, and what of the key's text is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from merge_tool.index.entities import Frame
from merge_tool.index.predicates import Predicates
from merge_tool.index.words import COMPREHENSION, ELEMENT, JOINED
from merge_tool.model.plain import plain
from merge_tool.rulekit.project import Scoped
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Choice,
    Const,
    Fork,
    Function,
    Item,
    Items,
    Logic,
    Record,
    Ref,
    Star,
    Text,
    Unknown,
    Value,
    children,
)

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX_DEPTH = 5
_MAX_TEMPLATE_DEPTH = 24
LETTER = re.compile(r"[A-Za-z]")


@plain(eq=True)
class Judged:
    scoped: Scoped
    pure: bool = False  # nothing but parameters: callers decide
    parameters: tuple[str, ...] = ()


def short_forms(*names: str) -> tuple[str, ...]:
    """Names, and what people shorten them to: `org_id` for `organization_id`."""
    short = (re.sub(r"(?<![a-z])organi[sz]ation(?![a-z])", "org", name) for name in names)
    return tuple(dict.fromkeys((*names, *short)))


class KeyValues:
    """Reads the values of keys for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        policy = index.policy
        self._words = frozenset(short_forms(policy.parameter, policy.column))
        self._carriers = frozenset((*policy.context.getters, *policy.context.requirers))
        self._carrier_names = frozenset(name.rpartition(".")[2] for name in self._carriers)
        self._builders = frozenset(policy.keys.builders)
        self._builder_names = frozenset(name.rpartition(".")[2] for name in self._builders)
        self._predicates = Predicates(index)

    def is_tenant_name(self, dotted: str) -> bool:
        """Whether a name is the tenant: `bot_id`, `user.bot_id`, `self._bot_id`, `current_bot_id`, `bot.id`, `bot_id.value`."""
        if any(part in self._words for part in dotted.split(".")[:-1]):
            return True  # what an id is made of names nobody else
        last = dotted.rpartition(".")[2].lstrip("_")
        if any(last == word or last.endswith(f"_{word}") for word in self._words):
            return True
        joined = "_".join(dotted.split(".")[-2:])
        return any(joined == word or joined.endswith(f"_{word}") for word in self._words)

    def scoped(self, value: Value, frame: Frame, depth: int) -> Judged:
        """Whether the tenant stands in a key's value; `parameters` are those of the function that might bring it."""
        if depth > 2 * _MAX_DEPTH:
            return Judged(Scoped.UNDECIDED)
        match value:
            case Const():
                return Judged(Scoped.NO)
            case Ref():
                return self._ref(value, frame, depth)
            case Text():
                return self._text(value, frame, depth)
            case Call():
                return self._call(value, frame, depth)
            case Choice():
                results = [self.scoped(arm, frame, depth + 1) for arm in value.arms]
                return min(results, key=lambda item: item.scoped)
            case Logic() | Items() | Item() | Attr() | Unknown() | Star() | Record() | Fork() | Function():
                if isinstance(value, Attr) and self.is_tenant_name(f"_.{value.name}"):
                    return Judged(Scoped.YES)
                if (
                    isinstance(value, Item)
                    and isinstance(value.key, Const)
                    and str(value.key.value) in self._words
                ):
                    return Judged(Scoped.YES)
                parts = [self.scoped(item, frame, depth + 1) for item in children(value)]
                if any(part.scoped is Scoped.YES for part in parts):
                    return Judged(Scoped.YES)
                return Judged(
                    Scoped.UNDECIDED,
                    parameters=tuple(dict.fromkeys(name for part in parts for name in part.parameters)),
                )
        return Judged(Scoped.UNDECIDED)

    def _ref(self, value: Ref, frame: Frame, depth: int) -> Judged:
        bound = frame.bindings.get(value.dotted)
        if bound is not None and isinstance(bound[0], Const) and bound[0].value is None:
            return Judged(Scoped.NO)
        if self.is_tenant_name(value.dotted):
            return Judged(Scoped.YES)
        if bound is not None:
            inner = self.scoped(bound[0], bound[1], depth + 1)
            # Names of the caller's own parameters mean something to the outermost frame only.
            return inner if bound[1].function is not frame.function else Judged(inner.scoped)
        head, dot, rest = value.dotted.partition(".")
        if not dot and frame.function.parameter(head) is not None:
            return Judged(Scoped.NO, pure=True, parameters=(head,))
        if head in ("self", "cls") and rest:
            held = self._class_value(frame, rest)
            return Judged(self._held(held[0], held[1], depth) if held is not None else Scoped.UNDECIDED)
        if frame.function.parameter(head) is not None:
            return Judged(Scoped.NO)  # user.id, message.chat.id
        qualified = self._index.resolve(frame.path, value.dotted, frame.function)
        module, inside = self._index.names.split(qualified) if qualified else (None, "")
        if module is not None and inside in module.top.variables:
            held_value = module.top.variables[inside]
            return Judged(
                self.scoped(held_value, Frame(module.path, module.top, {}, frozenset()), depth + 1).scoped
            )
        if module is not None:
            owner, _, name = inside.rpartition(".")
            facts = module.classes.get(owner)
            if facts is not None and name in facts.attributes:
                return Judged(
                    self.scoped(
                        facts.attributes[name], Frame(module.path, module.top, {}, frozenset()), depth + 1
                    ).scoped
                )
        return Judged(Scoped.UNDECIDED)

    def _held(self, value: Value, frame: Frame, depth: int) -> Scoped:
        """What an attribute holds that `__init__` binds; where that is its own parameter, what the callers pass."""
        from merge_tool.index.passing import passed_for

        judged = self.scoped(value, frame, depth + 1)
        if judged.scoped is Scoped.YES or not judged.parameters:
            return judged.scoped
        results: list[Scoped] = []
        for site in self._index.callers(self._index.qualified(frame.function)):
            outer = Frame(site.path, site.function, {}, frozenset())
            passed = [passed_for(frame.function, site.call, name) for name in judged.parameters]
            results.append(
                max(
                    (self.scoped(item, outer, depth + 1).scoped for item in passed if item is not None),
                    default=Scoped.UNDECIDED,
                )
            )
        return min(results, default=Scoped.UNDECIDED if judged.pure else judged.scoped)

    def _class_value(self, frame: Frame, name: str) -> tuple[Value, Frame] | None:
        module = self._index.modules[frame.path]
        owner = f"{module.module}.{frame.function.class_name}"
        for base in self._index.types.bases(owner):
            facts = self._index.find_class(base)
            if facts is None:
                continue
            held = facts.instance.get(name) or facts.attributes.get(name)
            if held is not None:
                where = self._index.modules[facts.path]
                init = where.functions.get(f"{facts.qualname}.__init__") or where.top
                return held, Frame(where.path, init, {}, frozenset())
        return None

    def _text(self, value: Text, frame: Frame, depth: int) -> Judged:
        parts = [self.scoped(part, frame, depth + 1) for part in value.parts]
        if any(part.scoped is Scoped.YES for part in parts):
            return Judged(Scoped.YES)
        parameters = tuple(dict.fromkeys(name for part in parts for name in part.parameters))
        literal = any(
            isinstance(item, Const) and isinstance(item.value, str) and LETTER.search(item.value)
            for item in value.parts
        )
        if literal:
            return Judged(Scoped.NO, parameters=parameters)
        if all(part.scoped is Scoped.NO for part in parts):
            return Judged(Scoped.NO, pure=bool(parameters), parameters=parameters)
        return Judged(Scoped.UNDECIDED, pure=bool(parameters), parameters=parameters)

    def _call(self, value: Call, frame: Frame, depth: int) -> Judged:
        name = self._index.callee_name(frame.path, frame.function, value)
        target = self._index.callee(frame.path, frame.function, value)
        if name in self._carriers or value.name in self._carrier_names:
            return Judged(Scoped.YES)
        if target is None and (name in self._builders or value.name in self._builder_names):
            return Judged(Scoped.YES)  # the policy says so, and the code cannot be seen
        arguments = [
            self.scoped(item, frame, depth + 1) for item in (*value.args, *(item for _, item in value.kwargs))
        ]
        mentions = any(item.scoped is Scoped.YES for item in arguments)
        parameters = tuple(dict.fromkeys(name for item in arguments for name in item.parameters))
        if target is None or not target.returns or target.name == "__init__":
            if mentions or (
                value.receiver is not None
                and self.scoped(value.receiver, frame, depth + 1).scoped is Scoped.YES
            ):
                return Judged(Scoped.YES)
            return Judged(Scoped.UNDECIDED, parameters=parameters)
        inner = self._predicates.call_frame(target, value, frame)
        results = [
            self.scoped(item, inner, depth + 1)
            for item in target.returns
            if not (isinstance(item, Const) and item.value is None)
        ]
        if not results:
            return Judged(Scoped.UNDECIDED)
        worst = min(results, key=lambda item: item.scoped)
        if worst.scoped is Scoped.UNDECIDED and mentions:
            return Judged(Scoped.YES)
        if worst.scoped is Scoped.UNDECIDED and (name in self._builders or value.name in self._builder_names):
            # A builder whose body brings no tenant of its own needs one among its arguments.
            return Judged(
                Scoped.NO if not arguments or not parameters else Scoped.UNDECIDED, parameters=parameters
            )
        return Judged(
            worst.scoped, pure=all(item.pure for item in results) and bool(parameters), parameters=parameters
        )

    def template(self, value: Value, frame: Frame, depth: int) -> str:
        """The key as far as its text is known; `*` for the rest."""
        if depth > _MAX_TEMPLATE_DEPTH:
            return "*"
        if isinstance(value, Const):
            if isinstance(value.value, bytes):
                return value.value.decode("utf-8", "replace")
            return str(value.value)
        if isinstance(value, Text):
            return "".join(self.template(part, frame, depth + 1) for part in value.parts)
        if isinstance(value, Unknown) and value.why == JOINED and len(value.inside) > 1:
            separator = self.template(value.inside[0], frame, depth + 1)
            return separator.join(self._templates(value.inside[1], frame, depth + 1))
        if isinstance(value, Ref) and value.dotted.startswith(("self.", "cls.")):
            held_value = self._class_value(frame, value.dotted.partition(".")[2])
            return self.template(*held_value, depth + 1) if held_value is not None else "*"
        if isinstance(value, Ref):
            bound = frame.bindings.get(value.dotted)
            if bound is not None:
                return self.template(bound[0], bound[1], depth + 1)
            qualified = self._index.resolve(frame.path, value.dotted, frame.function)
            module, inside = self._index.names.split(qualified) if qualified else (None, "")
            held = module.top.variables.get(inside) if module is not None else None
            if module is not None and held is None and "." in inside:  # `Keys.CART`
                owner, _, attribute = inside.rpartition(".")
                facts = module.classes.get(owner)
                held = facts.attributes.get(attribute) if facts is not None else None
            if module is not None and held is not None and frame.function.parameter(value.dotted) is None:
                return self.template(held, Frame(module.path, module.top, {}, frozenset()), depth + 1)
        if isinstance(value, Call):
            target = self._index.callee(frame.path, frame.function, value)
            if target is not None and len(target.returns) == 1:
                return self.template(
                    target.returns[0], self._predicates.call_frame(target, value, frame), depth + 1
                )
        return "*"

    def _templates(self, value: Value, frame: Frame, depth: int) -> list[str]:
        """The parts that are joined, one by one where they can be told."""
        if depth > _MAX_TEMPLATE_DEPTH:
            return ["*"]
        if isinstance(value, Items):
            return [text for item in value.items for text in self._templates(item, frame, depth + 1)]
        if isinstance(value, Star):
            return self._templates(value.value, frame, depth + 1)
        if isinstance(value, Unknown) and value.why in (ELEMENT, COMPREHENSION):
            return self._templates(value.inside[0], frame, depth + 1)
        if isinstance(value, Text) and len(value.parts) == 1:
            return self._templates(value.parts[0], frame, depth + 1)
        if isinstance(value, Ref) and value.dotted in frame.bindings:
            return self._templates(*frame.bindings[value.dotted], depth + 1)
        if isinstance(value, Call) and value.dotted == "map" and len(value.args) == 2:
            return self._templates(value.args[1], frame, depth + 1)
        return [self.template(value, frame, depth + 1)]
