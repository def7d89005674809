"""Mistakes in `core/tensor.py`."""

from __future__ import annotations

from tests.mutants import Mutant

_DEFINITIONS = [
    # 01.array
    (
        "float64-leak",
        "return array.astype(np.float32)",
        "return array.astype(np.float64)",
        "numbers and lists become float64",
    ),
    (
        "whole-numbers-stay",
        "return array.astype(np.float32)",
        "return array",
        "a list of whole numbers stays int64",
    ),
    (
        "arrays-forced-to-float32",
        "if isinstance(data, (np.ndarray, np.generic)):\n        return array",
        "if isinstance(data, np.generic):\n        return array",
        "an array loses the type it was given",
    ),
    (
        "array-copied",
        "if isinstance(data, (np.ndarray, np.generic)):\n        return array",
        "if isinstance(data, (np.ndarray, np.generic)):\n        return array.copy()",
        "every Tensor copies its data",
    ),
    ("text-accepted", 'not in "biuf"', 'not in "biufU"', "the text '3' becomes the number 3"),
    # 01.operation
    (
        "tape-hears-arrays",
        "Operation.tape(self, inputs, options, result)",
        "Operation.tape(self, arrays, options, result)",
        "the tape is given arrays instead of the Tensors that went in",
    ),
    (
        "tape-through-self",
        "Operation.tape(self, inputs, options, result)",
        "self.tape(self, inputs, options, result)",
        "a plain function as tape gets the operation twice",
    ),
    ("tape-never-called", "if Operation.tape is not None:", "if False:", "nothing is recorded"),
    (
        "numbers-become-arrays",
        "arrays = [operand(value) for value in inputs]",
        "arrays = [to_array(value) for value in inputs]",
        "a plain number becomes an array with a type of its own",
    ),
    (
        "options-dropped",
        "self.compute(arrays, options)",
        "self.compute(arrays, {})",
        "options such as axis never reach the function",
    ),
    (
        "own-errors-lost",
        "Tensor(self.compute(arrays, options))",
        "Tensor(self.forward(*arrays, **options))",
        "errors no longer name the shapes",
    ),
    # 01.broadcast
    (
        "aligned-left",
        "padded_first = (1,) * (ndim - len(first)) + tuple(first)",
        "padded_first = tuple(first) + (1,) * (ndim - len(first))",
        "shapes are aligned on the left",
    ),
    (
        "larger-size-wins",
        "sizes.append(b if a == 1 else a)",
        "sizes.append(max(a, b))",
        "a size of 0 against 1 becomes 1",
    ),
    (
        "nothing-refused",
        "if a != b and a != 1 and b != 1:",
        "if False:",
        "shapes that do not fit are accepted",
    ),
    # 01.arithmetic
    ("subtraction-reversed", "return a - b", "return b - a", "b - a instead of a - b"),
    ("division-floors", "return a / b", "return a // b", "division drops the fraction"),
    ("power-is-product", "return a**b", "return a * b  #", "power written as a product"),
    ("negative-is-absolute", "return -a", "return -abs(a)", "-x loses the sign of x"),
    (
        "product-in-place",
        "return a * b",
        "a *= b\n    return a",
        "a product writes into its left operand",
    ),
    # 01.matmul
    ("matmul-elementwise", "return a @ b", "return a * b  #", "the matrix product as *"),
    ("matmul-swapped", "return a @ b", "return (b.T @ a.T)", "factors transposed, result not"),
    ("matmul-unchecked", "if columns != rows:", "if False:", "numpy's own error comes through"),
    (
        "matmul-first-axis",
        "rows = b.shape[-2] if b.ndim > 1 else b.shape[0]",
        "rows = b.shape[0]",
        "for a batch the wrong axis is compared",
    ),
    # 01.shape
    (
        "transpose-without-effect",
        "return np.swapaxes(a, axis0, axis1)",
        "np.swapaxes(a, axis0, axis1)\n    return a",
        "the swapped array is computed and thrown away",
    ),
    (
        "transpose-reverses-all",
        "return np.swapaxes(a, axis0, axis1)",
        "return np.transpose(a)",
        "all axes are reversed, whichever were asked for",
    ),
    (
        "reshape-reorders",
        "return np.reshape(a, shape)",
        'return np.reshape(a, shape, order="F")',
        "the numbers are read column by column",
    ),
    # 01.reduce
    (
        "sum-wrong-axis",
        "return np.sum(a, axis=axis, keepdims=keepdims)",
        "return np.sum(a, axis=0, keepdims=keepdims)",
        "always the first axis",
    ),
    (
        "keepdims-ignored",
        "return np.max(a, axis=axis, keepdims=keepdims)",
        "return np.max(a, axis=axis)",
        "keepdims is not passed on",
    ),
    (
        "mean-of-everything",
        "return np.mean(a, axis=axis, keepdims=keepdims)",
        "return np.sum(a, axis=axis, keepdims=keepdims) / a.size",
        "divides by the number of all elements",
    ),
    (
        "max-from-zero",
        "return np.max(a, axis=axis, keepdims=keepdims)",
        "return np.max(a, axis=axis, keepdims=keepdims, initial=0)",
        "the search for the largest starts from 0",
    ),
    # 01.functions
    ("log-base-ten", "return np.log(a)", "return np.log10(a)", "logarithm to base 10"),
    ("exp-base-two", "return np.exp(a)", "return np.exp2(a)", "powers of 2"),
    ("sqrt-forgotten", "return np.sqrt(a)", "return a / 2", "half instead of the root"),
    # 01.select
    ("less-equal-strict", "return a <= b", "return a < b  #", "equal numbers are left out"),
    ("greater-swapped", "return a > b", "return b > a", "greater and less swapped"),
    (
        "answers-as-floats",
        "return a >= b",
        "return (a >= b).astype(np.float32)",
        "0.0 and 1.0 instead of False and True",
    ),
    (
        "getitem-flattens",
        "return a[index]",
        "return np.ravel(a[index])",
        "what was selected loses its shape",
    ),
]

MUTANTS = [
    Mutant(name=name, module="01_tensor", old=old, new=new, wrong=wrong)
    for name, old, new, wrong in _DEFINITIONS
]
