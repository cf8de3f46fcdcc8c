"""The register of a family of classes: by which recipes build them, and files know them."""


def register(cls, name):
    """Note a new class in `cls.members`, under a name that is none of npvae's own.

    Raises
    ------
    TypeError
        Where a class from elsewhere has the name of one of npvae's: files would be read with it.
    """
    known = cls.members.get(name)
    if known and known.__module__.startswith("npvae.") and known.__module__ != cls.__module__:
        raise TypeError(f"class {cls.__name__} of the module {cls.__module__!r} would take the name "
                        f"{name!r} of one of npvae's own: another name was expected")
    cls.members[name] = cls
