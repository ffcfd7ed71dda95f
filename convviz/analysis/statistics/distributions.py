"""The distributions behind the tests: Student's t with any degrees of freedom, and the power of a t test."""

from __future__ import annotations

from functools import lru_cache
from math import exp, inf, lgamma, log, log1p, pi, sqrt
from statistics import NormalDist

import numpy as np

NORMAL = NormalDist()
NODES = 160  # of the quadrature over the standard deviation that a t test happens to see
MANY = 10**5  # degrees of freedom from which on t is the normal distribution


def t_within(t: float, freedom: float) -> float:
    """P(|T| <= t) of Student's t, through the regularised incomplete beta function (Abramowitz and Stegun 26.5.27).

    >>> round(t_within(1.0, 1), 12), round(t_within(2.5706, 5), 5)
    (0.5, 0.95)
    """
    if t <= 0:
        return 0.0
    if freedom > MANY:
        return 2 * NORMAL.cdf(t) - 1
    return incomplete_beta(0.5, freedom / 2, t * t / (freedom + t * t))


def t_beyond(t: float, freedom: float) -> float:
    """P(|T| > t): the two-sided p of a t; small values keep their digits.

    >>> round(t_beyond(2.262157, 9), 6)
    0.05
    """
    if t == inf:
        return 0.0
    if freedom > MANY:
        return 2 * NORMAL.cdf(-abs(t))
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


@lru_cache(maxsize=1024)
def t_quantile(freedom: float, level: float) -> float:
    """The t within which |T| lies with probability ``level``.

    >>> round(t_quantile(4, 0.95), 4), round(t_quantile(7.5, 0.95), 4)
    (2.7764, 2.333)
    """
    low, high = 0.0, 1.0
    while t_beyond(high, freedom) > 1 - level:
        low, high = high, high * 2
    log_top = lgamma((freedom + 1) / 2) - lgamma(freedom / 2) - log(freedom * pi) / 2
    t = high
    for _ in range(200):  # Newton's steps where they stay inside, else halves
        over = t_beyond(t, freedom) - (1 - level)
        low, high = (t, high) if over > 0 else (low, t)
        density = exp(log_top - (freedom + 1) / 2 * log1p(t * t / freedom))
        step = t + over / (2 * density) if density else high
        last, t = t, step if low < step < high else (low + high) / 2
        if abs(t - last) <= 1e-15 * t:
            break
    return t


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction.

    Source: Abramowitz and Stegun 26.5.8, evaluated as by Lentz 1976.

    >>> round(incomplete_beta(2, 3, 0.5), 12)
    0.6875
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges quickly on the other side only
        return 1 - incomplete_beta(b, a, 1 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x)) / a
    tiny = 1e-300
    d = 1 / _away(1 - (a + b) * x / (a + 1), tiny)
    c, fraction = 1.0, d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away(1 + term * d, tiny)
            c = _away(1 + term / c, tiny)
            fraction *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return front * fraction


def _away(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


def t_test_power(shift: float, freedom: float, alpha: float) -> float:
    """P(|T| > t) of the noncentral t: how often a two-sided t test at ``alpha`` finds an effect.

    shift: the effect in standard errors (the noncentrality). T is (Z + shift) / S, where S is the measured
    standard deviation over the true one: the normal probability is averaged over the distribution of S (a chi
    with ``freedom``, over its root) by Gauss-Legendre quadrature.

    >>> round(t_test_power(0.0, 7, 0.05), 6), round(t_test_power(2.857, 7, 0.05), 3)
    (0.05, 0.689)
    """
    if freedom > MANY:
        z = NORMAL.inv_cdf(1 - alpha / 2)
        return NORMAL.cdf(shift - z) + NORMAL.cdf(-shift - z)
    t = t_quantile(freedom, 1 - alpha)
    spread = 10 / sqrt(2 * freedom)
    nodes, weights = _legendre()
    low, high = max(0.0, 1 - spread), 1 + spread
    s = low + (high - low) * (nodes + 1) / 2
    density = np.exp((freedom - 1) * np.log(s) - freedom * (s * s - 1) / 2) * weights
    beyond = [NORMAL.cdf(shift - t * x) + NORMAL.cdf(-shift - t * x) for x in s.tolist()]
    return min(float((density * beyond).sum() / density.sum()), 1.0)


@lru_cache(maxsize=1)
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(NODES)
