"""log densities with fifty digits, by Python's decimal: written from the definition, whatever cancels.

Arguments are floats, taken for what they are exactly. `test_precision` tests its log Gamma.
"""

from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import wraps
from math import comb

DIGITS = 80             # of which thirty cancel at the ends of the ranges


def with_digits(function):
    """Floats in, a Decimal of many digits out."""
    @wraps(function)
    def computed(*numbers):
        with localcontext(Context(prec=DIGITS, Emin=-10**15, Emax=10**15)):
            return function(*map(Decimal, numbers))
    return computed


def value_and_slopes(function, x, y, *options):
    """function(x, *y, *options), and its derivatives in y, as floats: central differences whose step
    of 1e-25 costs 25 of the digits, and leaves an error near 1e-50."""
    h, slopes = Decimal("1e-25"), []
    for i in range(len(y)):
        with localcontext(Context(prec=DIGITS)):
            up, down = ([Decimal(v) + step * (i == j) for j, v in enumerate(y)] for step in (h, -h))
            slopes.append(float((function(x, *up, *options) - function(x, *down, *options)) / (2 * h)))
    return float(function(x, *y, *options)), slopes


def bernoulli_numbers(n):
    """B_0, ..., B_n as fractions."""
    b = []
    for m in range(n + 1):
        b.append(Fraction(m == 0) - sum(comb(m, k) * b[k] / (m - k + 1) for k in range(m)))
    return b


BERNOULLI = bernoulli_numbers(60)


@with_digits
def pi():
    """Machin's 16 arctan(1/5) - 4 arctan(1/239)."""
    def arctan_of_inverse(n):
        return sum((-1)**k / ((2 * k + 1) * Decimal(n)**(2 * k + 1)) for k in range(70))
    return 16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239)


PI = pi()


@with_digits
def log_gamma(z):
    """Stirling's series at z + n above 40, and back by z (z + 1) ... (z + n - 1)."""
    product = Decimal(1)
    while z < 40:
        product *= z
        z += 1
    series = sum(Decimal(BERNOULLI[2 * k].numerator) / BERNOULLI[2 * k].denominator
                 / (2 * k * (2 * k - 1) * z**(2 * k - 1)) for k in range(1, 31))
    return (z - Decimal("0.5")) * z.ln() - z + (2 * PI).ln() / 2 + series - product.ln()


@with_digits
def poisson(x, log_mu):
    return x * log_mu - log_mu.exp() - log_gamma(x + 1)


@with_digits
def negative_binomial(x, log_mu, log_theta):
    mu, theta = log_mu.exp(), log_theta.exp()
    return (log_gamma(x + theta) - log_gamma(theta) - log_gamma(x + 1)
            + theta * (theta / (theta + mu)).ln() + x * (mu / (theta + mu)).ln())


@with_digits
def student_t(x, location, r, df, floor):
    half, scale = Decimal("0.5"), floor + r.exp()
    u = (x - location) / scale
    return (log_gamma(half * (df + 1)) - log_gamma(half * df) - half * (df * PI).ln() - scale.ln()
            - half * (df + 1) * (1 + u * u / df).ln())


@with_digits
def laplace(x, location, scale):
    return -abs(x - location) / scale - (2 * scale).ln()


@with_digits
def continuous_bernoulli(x, logit):
    """The integral of exp(l x) over [0, 1] is (exp(l) - 1) / l."""
    if abs(logit) < Decimal("1e-40"):
        return Decimal(0)
    if logit > 0:                                  # exp(l) is too large: the same of 1 - x
        return continuous_bernoulli(1 - x, -logit)
    return logit * x - ((logit.exp() - 1) / logit).ln()


@with_digits
def discretized_logistic(x, mean, log_scale, n_levels):
    """The sigmoid at the upper edge of x's bin less that at the lower."""
    half, scale = 1 / (2 * (n_levels - 1)), log_scale.exp()
    a, b = (x + half - mean) / scale, (x - half - mean) / scale
    if a + b > 0:                                  # the same, of the other tail
        a, b, x = -b, -a, 1 - x
    if x < half:
        return -(1 + (-a).exp()).ln()
    if x > 1 - half:
        return -(1 + b.exp()).ln()
    # sigmoid(a) - sigmoid(b) = (e^a - e^b) / ((1 + e^a) (1 + e^b)), and e^b is next to nothing
    return a + (1 - (b - a).exp()).ln() - (1 + a.exp()).ln() - (1 + b.exp()).ln()


@with_digits
def categorical(x, *logits):
    return logits[int(x)] - sum(logit.exp() for logit in logits).ln()
