"""One flat vector of parameters, one flat vector of gradients, and named blocks.

All the numbers that a model learns lie in one vector, `theta`, and the gradient
of the loss in another of the same size, `grad`. A layer's weight matrix is a
*view*: a window on a stretch of theta, with a name and a shape. The optimizer,
the checkpoint, the gradient check and the norm of the gradient are then each one
expression on a flat vector, and a layer still reads `self.W` and `self.dW`.
"""

import copy
import inspect
import math

import numpy as np

from npvae.inputs import as_array, check_type
from npvae.networks.summary import as_typed


class Parameters:
    """theta, grad, and views of both by name.

    Parameters
    ----------
    values : dict of str to array
        The initial value of each block; their common dtype is theta's (float32
        where there is no block at all). So one float64 block makes all float64.

    Attributes
    ----------
    theta, grad : ndarray (size,)
        All parameters; the gradient of the loss with respect to each. `theta = values` writes
        into theta.
    values, gradients : dict of str to ndarray
        The named views of theta and of grad.
    shapes : dict of str to tuple
    """

    def __init__(self, values):
        check_type(values, "values", dict, "a dict of arrays")
        values = {name: as_array(value, f"block {name!r}") for name, value in values.items()}
        for name, value in values.items():
            if value.dtype.kind not in "fc":
                raise TypeError(f"block {name!r} has dtype {value.dtype}: floats were expected")
        self.shapes = {name: value.shape for name, value in values.items()}
        dtype = np.result_type(*values.values()) if values else np.float32
        self._theta = np.zeros(sum(value.size for value in values.values()), dtype)
        self._grad = np.zeros_like(self._theta)
        self._lay_views()
        for name, value in values.items():
            self.values[name][...] = value

    def _lay_views(self):
        self.values, self._gradients, start = {}, {}, 0
        self._stale = set()                       # blocks whose gradient counts as zero
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            self.values[name] = self._theta[start:stop].reshape(shape)
            self._gradients[name] = self._grad[start:stop].reshape(shape)
            start = stop

    @property
    def theta(self):
        return self._theta

    @theta.setter
    def theta(self, value):
        if np.shape(value) != self._theta.shape:
            raise ValueError(f"theta has shape {np.shape(value)}: {self._theta.shape} was expected")
        if value is not self._theta:              # `+=` has already written into it
            self._theta[...] = value              # the views, and so the layers, hear of it

    @property
    def grad(self):
        self._fill_stale()
        return self._grad

    @grad.setter
    def grad(self, value):
        if np.shape(value) != self._grad.shape:
            raise ValueError(f"grad has shape {np.shape(value)}: {self._grad.shape} was expected")
        if value is not self._grad:               # as for theta
            self._stale.clear()
            self._grad[...] = value

    @property
    def gradients(self):
        self._fill_stale()
        return self._gradients

    def _fill_stale(self):
        for name in list(self._stale):
            self.gradient(name)

    def value(self, name):
        """One block of theta."""
        return self.values[name]

    def gradient(self, name):
        """One block of grad; the others may stay stale."""
        if name in self._stale:
            self._stale.remove(name)
            self._gradients[name].fill(0)
        return self._gradients[name]

    @property
    def dtype(self):
        return self.theta.dtype

    @property
    def size(self):
        return self.theta.size

    def zero_grad(self):
        """Set the gradient to zero; every backward pass adds to it.

        The zeros are written where somebody looks before anything was added. The first that
        is added to a block by `add_product` or `add_sum` is written over it, which saves two
        passes over the largest arrays of a step.
        """
        self._stale.update(self._gradients)

    def add_product(self, name, a, b):
        """Add the matrix product a b to the gradient of a block."""
        if name in self._stale:
            self._stale.remove(name)
            np.matmul(a, b, out=self._gradients[name])
        else:
            self._gradients[name] += a @ b

    def add_sum(self, name, a):
        """Add the sum of the rows of a to the gradient of a block."""
        if name in self._stale:
            self._stale.remove(name)
            a.sum(axis=0, out=self._gradients[name])
        else:
            self._gradients[name] += a.sum(axis=0)

    def cast(self, dtype):
        """Replace theta and grad by copies of another dtype."""
        self._theta, self._grad = self.theta.astype(dtype), self.grad.astype(dtype)
        self._lay_views()

    # Copying or pickling a view makes an array of its own, silently cut loose from
    # its vector. So only the two vectors travel, and the views are laid again.
    def __getstate__(self):
        return {"shapes": self.shapes, "theta": self.theta, "grad": self.grad}

    def __setstate__(self, state):
        self.shapes, self._theta, self._grad = state["shapes"], state["theta"], state["grad"]
        self._lay_views()


class Block:
    """The attribute through which a module reads, and writes into, one block.

    `layer.W` looks the view up; `layer.W = w` and `layer.dW += g` write into it, so
    that it can never be rebound to an array that the optimizer does not know.
    """

    def __init__(self, name, look_up):
        self.name, self.look_up = name, look_up

    def __get__(self, module, owner=None):
        if module is None:
            return self
        return self.look_up(module.parameters, module.prefix + self.name)

    def __set__(self, module, value):
        view = self.__get__(module)
        if value is not view:                     # `+=` has already written into it
            view[...] = value


def check_declared(kind, blocks):
    """Raise where a class declares a block whose values its constructor does not give."""
    for name in dir(kind):
        declared = getattr(kind, name)
        if isinstance(declared, Block) and declared.name not in blocks:
            raise ValueError(f"{kind.__name__} declares block {declared.name!r} and sets "
                             f"{list(blocks)}: its values were expected, as "
                             f"super().__init__({{{declared.name!r}: ...}}) gives them")


def block(name):
    """Declare a block in a class body: `W, dW = block("W")`."""
    return Block(name, Parameters.value), Block(name, Parameters.gradient)


class Module:
    """Anything that may own parameters: a layer, a chain, a likelihood, a model.

    Parameters
    ----------
    blocks : dict of str to array, optional
        The initial values of its own blocks.
    parts : dict of str to Module, optional
        Modules inside this one. Their blocks move into this module's vector, with
        the part's name and a dot before their own.

    Notes
    -----
    `repr` is how a module was written, with what it was given beyond the defaults: "Tanh()",
    "Dense(784, 400, rng)", "Gaussian(variance=0.1)".
    """

    def __init_subclass__(cls):
        super().__init_subclass__()
        signature = inspect.signature(cls.__init__)            # and not that of __new__
        cls.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])

    def __new__(cls, *args, **kwargs):
        module = super().__new__(cls)
        module._written = args, kwargs
        return module

    def __init__(self, blocks=None, parts=None):
        for value, name in ((blocks, "blocks"), (parts, "parts")):
            check_type(value, name, (dict, type(None)), "a dict")
        check_declared(type(self), blocks or {})
        self.parts = dict(parts or {})
        if len({id(part) for part in self.parts.values()}) < len(self.parts):
            raise ValueError(f"parts {list(self.parts)}: the same module stands in two "
                             "places; build one module for each place")
        values = dict(blocks or {})
        for part_name, part in self.parts.items():
            check_type(part, f"part {part_name!r}", Module, "a Module")
            if part.prefix:
                raise ValueError(f"part {part_name!r} ({type(part).__name__}) belongs to another "
                                 "module already: hand in its copy()")
            values.update({f"{part_name}.{name}": value
                           for name, value in part.blocks().items()})
        self._move_into(Parameters(values), "")

    def __repr__(self):
        return as_typed(self, *self._written)

    def __setattr__(self, name, value):
        """A part stays: the parameters of another one in its place would lie outside the vector."""
        parts, old = vars(self).get("parts"), vars(self).get(name)
        if parts and value is not old and value is not parts.get(name):
            held = [*(old if isinstance(old, (tuple, list)) else (old,)), parts.get(name)]
            if any(part is each for part in parts.values() for each in held):
                kind = type(self).__name__
                raise AttributeError(f"{name} of a {kind} is a part of it, and cannot be replaced: "
                                     f"build another {kind}, from the new part and a copy() of each "
                                     "old one")
        super().__setattr__(name, value)

    def _move_into(self, parameters, prefix):
        self.parameters, self.prefix = parameters, prefix
        for name, part in self.parts.items():
            part._move_into(parameters, f"{prefix}{name}.")

    def _own(self, views):
        return {name.removeprefix(self.prefix): view
                for name, view in views.items() if name.startswith(self.prefix)}

    def add_product(self, name, a, b):
        """Add the matrix product a b to the gradient of one of its own blocks."""
        self.parameters.add_product(self.prefix + name, a, b)

    def add_sum(self, name, a):
        """Add the sum of the rows of a to the gradient of one of its own blocks."""
        self.parameters.add_sum(self.prefix + name, a)

    def blocks(self):
        """Views of this module's parameters, by name (dict of str to ndarray)."""
        return self._own(self.parameters.values)

    def gradients(self):
        """Views of this module's gradients, by the same names."""
        return self._own(self.parameters.gradients)

    def copy(self):
        """A copy with parameters of its own, that belongs to no other module."""
        twin = copy.deepcopy(self)
        twin._move_into(Parameters(self.blocks()), "")
        return twin

    def astype(self, dtype):
        """A copy whose parameters have another dtype: float32, float64, complex128."""
        try:
            kind = np.dtype(dtype if dtype is not None else object)       # NumPy's None is float64
        except TypeError:
            kind = None
        if kind not in (np.float32, np.float64, np.complex128):
            raise TypeError(f"dtype is {dtype if dtype is None else kind or dtype}: float32, float64 or "
                            "complex128 was expected")
        twin = self.copy()
        twin.parameters.cast(kind)
        return twin
