"""Examples of the codemod `drop-gateway`."""

from __future__ import annotations

from merge_tool.codemods.base import Example

_SERVICE = '''"""Payments."""

import logging
from typing import Any, Literal

from app.config import settings
from app.services.card_service import CardService
from app.services.payment import CardMixin, CommonMixin, PlategaMixin
from app.services.platega_service import PlategaService
from app.utils.money import to_kopeks

logger = logging.getLogger(__name__)

Method = Literal["card", "platega"]


class PaymentService(CommonMixin, CardMixin, PlategaMixin):
    """All gateways, Platega too."""

    def __init__(self, bot: Any = None) -> None:
        self.bot = bot
        self.card_service = CardService()
        # Platega
        self.platega_service = PlategaService() if settings.is_platega_enabled() else None

        logger.debug(
            "ready (card=%s, platega=%s, bot=%s)",
            self.card_service.configured,
            self.platega_service is not None,
            bot,
        )

    async def pay(self, method: str, amount: int) -> dict:
        if method == "card":
            return await self.card_service.pay(amount)
        elif method == "platega":
            return await self.platega_service.pay(to_kopeks(amount))
        else:
            raise ValueError(method)

    async def platega_status(self) -> str:
        return await self.platega_service.status()

    def any_enabled(self) -> bool:
        return settings.is_card_enabled() or settings.is_platega_enabled()
'''
_SERVICE_DONE = '''"""Payments."""

import logging
from typing import Any, Literal

from app.config import settings
from app.services.card_service import CardService
from app.services.payment import CardMixin, CommonMixin

logger = logging.getLogger(__name__)

Method = Literal["card"]


class PaymentService(CommonMixin, CardMixin):
    """All gateways, Platega too."""

    def __init__(self, bot: Any = None) -> None:
        self.bot = bot
        self.card_service = CardService()

        logger.debug(
            "ready (card=%s, bot=%s)",
            self.card_service.configured,
            bot,
        )

    async def pay(self, method: str, amount: int) -> dict:
        if method == "card":
            return await self.card_service.pay(amount)
        else:
            raise ValueError(method)

    def any_enabled(self) -> bool:
        return settings.is_card_enabled()
'''
_CONFIG = """from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    CARD_ENABLED: bool = False

    PLATEGA_ENABLED: bool = False
    PLATEGA_SECRET: str | None = None
    # Debts
    DEBT_LIMIT: int = 0

    def is_card_enabled(self) -> bool:
        return self.CARD_ENABLED

    def is_platega_enabled(self) -> bool:
        return bool(self.PLATEGA_ENABLED and self.PLATEGA_SECRET)


settings = Settings()
"""
_CONFIG_DONE = """from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    CARD_ENABLED: bool = False

    # Debts
    DEBT_LIMIT: int = 0

    def is_card_enabled(self) -> bool:
        return self.CARD_ENABLED


settings = Settings()
"""
_MENU = """from enum import Enum

from app.config import settings
from app.handlers import card, platega
from app.handlers.platega import start_platega_payment
from app.ui import Button, F


class PaymentMethod(Enum):
    CARD = "card"
    PLATEGA = "platega"


STARTERS = {
    "card": card.start,
    "platega": start_platega_payment,  # since May
}
NAMES = [
    ("card", "Card"),
    ("platega", "Platega 💳"),
]
__all__ = ["PaymentMethod", "STARTERS"]


def keyboard(language):
    rows = []
    if settings.is_card_enabled():
        rows.append([Button(text="Card", callback_data="topup_card")])

    if settings.is_platega_enabled():
        rows.append([Button(text="Platega", callback_data="topup_platega")])

    rows.extend([[Button("Back", "back")], [Button("Platega", "topup_platega")]])
    if not settings.is_platega_enabled():
        rows.append([Button("Soon", "soon")])
    if language == "ru" and (settings.is_card_enabled() or settings.is_platega_enabled()):
        rows.append([])
    return rows


def name_of(method):
    match method:
        case PaymentMethod.CARD:
            return "Card"
        case PaymentMethod.PLATEGA:
            return "Platega"
    if method in ("card", "platega"):
        return method
    return method.replategate


def register(dp, app):
    dp.message.register(card.start, F.data == "topup_card")
    dp.message.register(start_platega_payment, F.data == "topup_platega")
    platega.register(dp)
    app.include_router(platega.router)
    app.include_routers(card.router, platega.router)
    try:
        app.add(platega.extra)
    except ValueError:
        pass
"""
_MENU_DONE = """from enum import Enum

from app.config import settings
from app.handlers import card
from app.ui import Button, F


class PaymentMethod(Enum):
    CARD = "card"


STARTERS = {
    "card": card.start,
}
NAMES = [
    ("card", "Card"),
]
__all__ = ["PaymentMethod", "STARTERS"]


def keyboard(language):
    rows = []
    if settings.is_card_enabled():
        rows.append([Button(text="Card", callback_data="topup_card")])

    rows.extend([[Button("Back", "back")]])
    rows.append([Button("Soon", "soon")])
    if language == "ru" and (settings.is_card_enabled()):
        rows.append([])
    return rows


def name_of(method):
    match method:
        case PaymentMethod.CARD:
            return "Card"
    if method in ("card",):
        return method
    return method.replategate


def register(dp, app):
    dp.message.register(card.start, F.data == "topup_card")
    app.include_routers(card.router)
"""
_ONE = {"gateways": ["platega"]}

EXAMPLES = (
    Example(
        {
            "app/config.py": _CONFIG,
            "app/services/payment_service.py": _SERVICE,
            "app/handlers/menu.py": _MENU,
            "app/services/platega_service.py": "from app.config import settings\n\nKEY = settings.PLATEGA_SECRET\n",
        },
        {
            "app/config.py": _CONFIG_DONE,
            "app/services/payment_service.py": _SERVICE_DONE,
            "app/handlers/menu.py": _MENU_DONE,
        },
        _ONE,
    ),
    # What other files use stays, with what it needs; a setting that only a test reads goes.
    Example(
        {
            "app/config.py": _CONFIG,
            "app/jobs.py": "from app.config import settings\n\n\ndef run():\n    return settings.is_platega_enabled()\n",
            "tests/test_config.py": "from app.config import settings\n\n\ndef test():\n    assert not settings.PLATEGA_ENABLED\n",
        },
        {},
        _ONE,
        ("app/config.py",),
        not_done=(
            "PLATEGA_ENABLED is still used",
            "PLATEGA_SECRET is still used",
            "is_platega_enabled is still used: app/jobs.py:5",
        ),
    ),
    # Parameters, arguments of what is not known, texts and tables are left.
    Example(
        {
            "app/a.py": '''from app.db import Base, Column
from app.platega import make_platega


class Payment(Base):
    __tablename__ = "payments"
    platega_id = Column()


def start(bot, platega=None):
    """Starts Platega."""
    print("Pay by Platega now")
    notify(bot, platega=platega)


def make(bot):
    service = make_platega(bot)
    return service.pay() > 1
''',
        },
        {},
        _ONE,
        not_done=(
            "the import of make_platega stays: make_platega is still used: app/a.py:17",
            "it is still named there: platega_id",
            "it is still named there: platega",
            "Pay by Platega now",
            "what takes or gives platega stays, or is not known",
            "it is still named there: make_platega",
        ),
    ),
)
