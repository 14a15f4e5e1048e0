"""What the constraints of a table prove, by the rules the server itself goes by."""

from dbtool.lint.expression import Expression, Form
from dbtool.lint.schema import Holds, Table


def proves_not_null(expression: Expression, column: str) -> bool:
    """Whether an expression that is never false implies that the column is not null."""
    match expression.form:
        case Form.IS_NOT_NULL:
            return _is(expression.parts[0], column)
        case Form.AND:
            return any(proves_not_null(part, column) for part in expression.parts)
        case Form.OR:
            return all(proves_not_null(part, column) for part in expression.parts)
        case Form.NOT:
            return _refutes_null(expression.parts[0], column)
        case Form.OPERATOR if expression.word == "=":
            first, second = expression.parts
            for one, other in ((first, second), (second, first)):
                if other.form is Form.CONSTANT and other.word == "false":
                    return _refutes_null(one, column)
                if other.form is Form.CONSTANT and other.word == "true":
                    return proves_not_null(one, column)
    return False


def _refutes_null(expression: Expression, column: str) -> bool:
    """Whether the column is not null where the expression does not hold."""
    match expression.form:
        case Form.IS_NULL:
            return _is(expression.parts[0], column)
        case Form.OR:
            return any(_refutes_null(part, column) for part in expression.parts)
        case Form.AND:
            return all(_refutes_null(part, column) for part in expression.parts)
        case Form.NOT:
            return proves_not_null(expression.parts[0], column)
    return False


def _is(expression: Expression, column: str) -> bool:
    return expression.form is Form.COLUMN and expression.word == column


def not_null_proven(table: Table, column: str) -> bool:
    """Whether SET NOT NULL can do without reading the table."""
    known = table.columns.get(column)
    if known is not None and known.not_null:
        return True
    return any(
        each.valid
        and each.enforced
        and each.expression is not None
        and proves_not_null(each.expression, column)
        for each in table.having(Holds.CHECK)
    )
