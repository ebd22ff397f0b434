"""Examples of the codemod `tenant-constructor`."""

from __future__ import annotations

from merge_tool.codemods.base import Example

_SERVICE = '''class ReceiptService:
    """Receipts."""

    def __init__(self, client=None):
        self.client = client

    async def send(self, db):
        return await self.client.send()
'''
_SERVICE_DONE = '''class ReceiptService:
    """Receipts."""

    def __init__(self, client=None, *, bot_id: int):
        self.bot_id = bot_id
        self.client = client

    async def send(self, db):
        return await self.client.send()
'''
_FILES = {
    "app/__init__.py": "",
    "app/services/__init__.py": "from app.services.receipts import ReceiptService\n",
    "app/services/receipts.py": _SERVICE,
}
_CLASS = {"classes": ["app.services.receipts.ReceiptService"]}

_CALLERS = {
    "app/services/payments.py": """from app.services import ReceiptService as Receipts


class PaymentService:
    def __init__(self, bot, enabled: bool = True) -> None:
        self.receipts = Receipts() if enabled else None


class CardPayments(PaymentService):
    def __init__(self, bot):
        super().__init__(bot, enabled=False)
""",
    "app/jobs.py": """import functools

from app.services.payments import CardPayments, PaymentService
from app.services.receipts import ReceiptService


async def pay(db, bot, bot_id: int):
    service = PaymentService(bot)
    make = functools.partial(ReceiptService, client=bot)
    assert isinstance(service, PaymentService)
    return service, make, CardPayments(bot)


async def pay_later(db, bot):
    return ReceiptService(bot)


async def nightly(db, bot, bot_id: int):
    await pay_later(db, bot)
""",
}
_CALLERS_DONE = {
    "app/services/payments.py": """from app.services import ReceiptService as Receipts


class PaymentService:
    def __init__(self, bot, enabled: bool = True, *, bot_id: int) -> None:
        self.bot_id = bot_id
        self.receipts = Receipts(bot_id=bot_id) if enabled else None


class CardPayments(PaymentService):
    def __init__(self, bot, bot_id: int):
        super().__init__(bot, enabled=False, bot_id=bot_id)
        self.bot_id = bot_id
""",
    "app/jobs.py": """import functools

from app.services.payments import CardPayments, PaymentService
from app.services.receipts import ReceiptService


async def pay(db, bot, bot_id: int):
    service = PaymentService(bot, bot_id=bot_id)
    make = functools.partial(ReceiptService, client=bot, bot_id=bot_id)
    assert isinstance(service, PaymentService)
    return service, make, CardPayments(bot, bot_id=bot_id)


async def pay_later(db, bot, bot_id: int):
    return ReceiptService(bot, bot_id=bot_id)


async def nightly(db, bot, bot_id: int):
    await pay_later(db, bot, bot_id=bot_id)
""",
}

_BARE = '''import abc


class CartService(abc.ABC):
    """Carts."""

    KEY = "cart"

    # Reads.
    @staticmethod
    def key(user_id):
        return user_id

    async def get(self, user_id):
        return await load(self.key(user_id))


class Note:
    text = ""


async def cart_of(user, bot_id: int):
    return CartService(), Note()
'''
_BARE_DONE = '''import abc


class CartService(abc.ABC):
    """Carts."""

    KEY = "cart"

    def __init__(self, bot_id: int) -> None:
        self.bot_id = bot_id

    # Reads.
    @staticmethod
    def key(user_id):
        return user_id

    async def get(self, user_id):
        return await load(self.key(user_id))


class Note:
    text = ""

    def __init__(self, bot_id: int) -> None:
        self.bot_id = bot_id


async def cart_of(user, bot_id: int):
    return CartService(bot_id=bot_id), Note(bot_id=bot_id)
'''

_MUTUAL = """class Inner:
    def __init__(self, db):
        self.db = db

    @classmethod
    def make(cls, db):
        return cls(db)


class Outer:
    async def run(self, db):
        return [Inner(db) for _ in range(2)], Inner.make(db)


async def job(db, bot_id: int):
    return await Outer().run(db)
"""
_MUTUAL_DONE = """class Inner:
    def __init__(self, db, bot_id: int):
        self.bot_id = bot_id
        self.db = db

    @classmethod
    def make(cls, db, bot_id: int):
        return cls(db, bot_id=bot_id)


class Outer:
    def __init__(self, bot_id: int) -> None:
        self.bot_id = bot_id

    async def run(self, db):
        return [Inner(db, bot_id=self.bot_id) for _ in range(2)], Inner.make(db, bot_id=self.bot_id)


async def job(db, bot_id: int):
    return await Outer(bot_id=bot_id).run(db)
"""

_CONTEXT = {"app/core/tenant_context.py": "def require_current_tenant() -> int:\n    return 1\n"}
_START = """import logging


class Service:
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def build():
    return Service("a")


def main():
    return build()


async def handler(message):
    return Service("b")


router.message.register(handler)
main()
"""
_START_DONE = '''import logging

from app.core.tenant_context import require_current_tenant


class Service:
    def __init__(self, name: str, bot_id: int | None = None) -> None:
        super().__init__()
        self._bot_id = bot_id
        self.name = name

    @property
    def bot_id(self) -> int:
        """Of the tenant that the object was made for; else of the one in the context."""
        return require_current_tenant() if self._bot_id is None else self._bot_id


def build():
    return Service("a")


def main():
    return build()


async def handler(message):
    bot_id = require_current_tenant()
    return Service("b", bot_id=bot_id)


router.message.register(handler)
main()
'''

_SINGLETON = {
    **_CONTEXT,
    "app/services/tax.py": """from app.config import settings


class TaxService:
    def __init__(self):
        self.inn = settings.NALOGO_INN


tax_service = TaxService()


async def report(bot_id: int):
    return TaxService()
""",
    "app/config.py": "class Settings:\n    NALOGO_INN: str = ''\n\n    def has(self):\n        return self.NALOGO_INN\n\n\nsettings = Settings()\n",
}
_SINGLETON_DONE = {
    "app/services/tax.py": '''from app.config import settings
from app.core.tenant_context import require_current_tenant


class TaxService:
    def __init__(self, bot_id: int | None = None):
        self._bot_id = bot_id
        self.inn = settings.NALOGO_INN

    @property
    def bot_id(self) -> int:
        """Of the tenant that the object was made for; else of the one in the context."""
        return require_current_tenant() if self._bot_id is None else self._bot_id


tax_service = TaxService()


async def report(bot_id: int):
    return TaxService(bot_id=bot_id)
''',
}

EXAMPLES = (
    Example({**_FILES, **_CALLERS}, {"app/services/receipts.py": _SERVICE_DONE, **_CALLERS_DONE}, _CLASS),
    Example(
        {"app/cart.py": _BARE},
        {"app/cart.py": _BARE_DONE},
        {"classes": ["app.cart.CartService", "app.cart.Note"]},
    ),
    # A singleton holds the class back …
    Example(
        _SINGLETON,
        {},
        {"configured": True},
        not_done=(
            "TaxService.__init__ is left with all its callers",
            "the call stands in the top of the file",
        ),
    ),
    # … unless its methods may ask the context.
    Example(
        _SINGLETON,
        _SINGLETON_DONE,
        {"configured": True, "context": True},
        not_done=("the object asks the context",),
    ),
    # A method of a class that gets the tenant takes it from its object.
    Example(
        {"app/a.py": _MUTUAL},
        {"app/a.py": _MUTUAL_DONE},
        {"classes": ["app.a.Outer", "app.a.Inner"]},
    ),
    # What runs when the application starts has no tenant to ask for: the object asks when it is used.
    Example(
        {**_CONTEXT, "main.py": _START},
        {"main.py": _START_DONE},
        {"classes": ["main.Service"], "context": True},
        not_done=(
            "main cannot be mended: the call stands in the top of the file",
            "the object asks the context",
        ),
    ),
    # The constructor that is written goes again where an object is made without a tenant.
    Example(
        {"app/cart.py": "class Cart:\n    def get(self):\n        return 1\n\n\ncart = Cart()\n"},
        {},
        {"classes": ["app.cart.Cart"]},
        not_done=("Cart.__init__ is left", "top of the file"),
    ),
    # Classes whose constructor is not their own alone.
    Example(
        {
            "app/kinds.py": """from dataclasses import dataclass

from vendor import Client


@dataclass
class Line:
    text: str

    def __init__(self):
        self.text = ""


class Slotted:
    __slots__ = ("text",)

    def __init__(self):
        self.text = ""


class Remote(Client):
    def call(self):
        return 1


class Registered:
    def __init__(self):
        self.on = True


REGISTRY = {"registered": Registered}
"""
        },
        {},
        {"classes": [f"app.kinds.{name}" for name in ("Line", "Slotted", "Remote", "Registered")]},
        not_done=(
            "Line is decorated by @dataclass",
            "Line.__init__ is left",
            "Slotted has __slots__",
            "Slotted.__init__ is left",
            "Remote has the constructor of vendor.Client",
            "Registered.__init__ is left",
            "passed on as a value",
        ),
    ),
)
