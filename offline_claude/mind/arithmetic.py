"""Arithmetic: a sum told in figures or in words, worked out exactly."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from fractions import Fraction

from offline_claude.mind.values import Passage

_MOST_DIGITS = 400
_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
}


def worked_out(passage: Passage) -> str:
    """Work out the first sum in a text.

    Args:
        passage: Such as "What is 17 percent of 250?".

    Returns:
        The sum with its value, such as "17 / 100 * 250 = 42.5"; empty when there is none, or none
        that has a value.
    """
    for spot in passage.spots("sum"):
        told = str(spot.value).strip()
        try:
            value = _value(ast.parse(told, mode="eval").body)
        except (SyntaxError, ValueError, ArithmeticError, RecursionError):
            continue
        return f"{told} = {_written(value)}"
    return ""


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number):
            # What is written as 0.1 is a tenth, not the binary number next to it.
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            return _power(_value(inner), Fraction(1, 2))
    raise ValueError("not arithmetic")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        root = Fraction(math.sqrt(base))
        near = Fraction(round(root * 10**6), 10**6)
        if exponent != Fraction(1, 2):
            raise ValueError("only square roots")
        return near if near * near == base else root
    size = max(abs(base.numerator), base.denominator)
    if abs(exponent) > _MOST_DIGITS or math.log10(max(2, size)) * abs(exponent) > _MOST_DIGITS:
        raise ValueError("too large to write down")
    return base ** int(exponent)


def _written(value: Fraction) -> str:
    """A whole number as it is, any other with at most ten significant digits."""
    if value.denominator == 1:
        return str(value.numerator)
    short = f"{float(value):.10g}"
    return short if Fraction(short) == value else f"{short} (rounded)"
