"""A trial of the whole public interface: each argument of each function, with each wrong value.

`members` finds what is public, `good.GOOD` has one good call of each, and `wrong.KINDS` says what
each parameter is, by its name. A wrong value takes the place of one good one, and the outcome is

    refused    a ValueError, a TypeError or an error of the file system, whose message names the
               argument (or the path)
    obscure    any other error, or a warning
    silent     no error at all: whatever came of it, it was computed from a wrong value

Of each pair of arguments, each with another good value, it is asked that both are used, or that
the call is refused by the name of one of them. What is ignored beside the other is silent, too. And
of each number, that one of NumPy's gives the same result.

From the folder `tests`, `python -m trial` prints what was obscure or silent, and the table.
"""
