"""Wilson's interval for a share, which stays honest for small numbers and for shares near 0 and 1."""

from __future__ import annotations

import math

Z_95 = 1.959964


def wilson(hits: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """The interval in which a share lies with 95 % confidence.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    Args:
        hits: how many of them.
        total: of how many.
        z: the normal quantile; the default is for 95 %.

    Returns:
        the lower and the upper end; (0, 1) where nothing was counted.
    """
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def told(hits: int, total: int) -> str:
    """The share with its interval, for people: `0.975 (39/40, 95 %: 0.87–1.00)`."""
    if total == 0:
        return "none"
    low, high = wilson(hits, total)
    return f"{hits / total:.3f} ({hits}/{total}, 95 %: {low:.2f}–{high:.2f})"
