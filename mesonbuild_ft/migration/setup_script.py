# SPDX-License-Identifier: MIT
"""setup.py, read and never run: the arguments of setup(), as far as they follow from literals.

The statements of the module are followed one after another with the values that are known; everything else is
Unknown, with the line that says so. A condition on the free-threaded build, on the implementation or on an environment
variable is taken as CPython with the GIL has it, with no variable set, and noted: `Script.assumed`.
"""

from __future__ import annotations

import ast
import dataclasses
import posixpath
import typing


@dataclasses.dataclass(frozen=True)
class Unknown:
    """What cannot be told without running setup.py. source: the expression, shortened."""

    line: int
    source: str


@dataclasses.dataclass
class Extension:
    """A call of Extension(). arguments: by name; the values may be Unknown, or hold something that is."""

    line: int
    arguments: dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class FindPackages:
    """A call of find_packages() or find_namespace_packages()."""

    where: str = '.'
    include: tuple[str, ...] = ('*',)
    exclude: tuple[str, ...] = ()
    namespaces: bool = False


@dataclasses.dataclass
class Script:
    """arguments: of setup(), '**' for those that are not known by name. lines: argument -> line.

    assumed: line -> the condition that was taken as CPython with the GIL has it. problem: why nothing is known.
    """

    arguments: dict[str, typing.Any] = dataclasses.field(default_factory=dict)
    lines: dict[str, int] = dataclasses.field(default_factory=dict)
    assumed: dict[int, str] = dataclasses.field(default_factory=dict)
    problem: str = ''
    line: int = 0


def is_known(value: typing.Any) -> bool:
    """Whether nothing in it is Unknown."""
    if isinstance(value, Unknown):
        return False
    if isinstance(value, Extension):
        return is_known(value.arguments)
    if isinstance(value, dict):
        return all(map(is_known, value.values()))
    return all(map(is_known, value)) if isinstance(value, (list, tuple)) else True


def first_unknown(value: typing.Any) -> Unknown | None:
    """The first part of a value that is not known."""
    if isinstance(value, Unknown):
        return value
    parts: typing.Iterable[typing.Any] = ()
    if isinstance(value, Extension):
        parts = value.arguments.values()
    elif isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, (list, tuple)):
        parts = value
    return next(filter(None, map(first_unknown, parts)), None)


def read(text: str, glob: typing.Callable[[str], list[str]]) -> Script:
    """What setup.py says. glob: the files of the project that match a pattern, sorted."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, 'lineno', None) or 0
        return Script(problem=f'it is not Python 3: {getattr(error, "msg", error)}', line=line)
    reader = _Reader(glob)
    try:
        reader.module(tree)
    except RecursionError:
        return Script(problem='it is nested too deeply')
    return reader.script


#: Elements of what is followed: `a = a + a` again and again would fill the memory.
_LONGEST: typing.Final = 1 << 20
_EXTENSIONS: typing.Final = ('setuptools', 'distutils', 'Cython')
_STRING_METHODS: typing.Final = frozenset(
    ('lower', 'upper', 'strip', 'replace', 'split', 'splitlines', 'join', 'startswith', 'endswith', 'rstrip'))
_PURE: typing.Final[dict[str, typing.Callable[..., typing.Any]]] = {
    'bool': bool, 'str': str, 'int': int, 'list': list, 'tuple': tuple, 'sorted': sorted, 'len': len, 'dict': dict,
    'os.path.join': posixpath.join, 'os.path.dirname': posixpath.dirname, 'os.path.normpath': posixpath.normpath,
    # The project is the current directory when setup.py runs, and what lies in it is named from there.
    'os.path.abspath': lambda path: path or '.', 'os.path.realpath': lambda path: path or '.',
}
#: What CPython with the GIL answers.
_ANSWERS: typing.Final[dict[str, typing.Any]] = {
    "sysconfig.get_config_var('Py_GIL_DISABLED')": 0,
    "distutils.sysconfig.get_config_var('Py_GIL_DISABLED')": 0,
    'platform.python_implementation()': 'CPython',
    "hasattr(sys, 'pypy_version_info')": False,
    'sys._is_gil_enabled()': True,
}
_COMPARE: typing.Final[dict[type[ast.cmpop], typing.Callable[[typing.Any, typing.Any], bool]]] = {
    ast.Eq: lambda a, b: a == b, ast.NotEq: lambda a, b: a != b, ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b, ast.Is: lambda a, b: a is b, ast.IsNot: lambda a, b: a is not b,
    ast.Lt: lambda a, b: a < b, ast.LtE: lambda a, b: a <= b, ast.Gt: lambda a, b: a > b, ast.GtE: lambda a, b: a >= b,
}


class _Reader:
    def __init__(self, glob: typing.Callable[[str], list[str]]) -> None:
        self._glob = glob
        self._values: dict[str, typing.Any] = {'__name__': '__main__', '__file__': 'setup.py'}
        #: Name -> what was imported under it: 'setuptools.Extension'.
        self._imports: dict[str, str] = {}
        self._calls = 0
        self.script = Script()

    def module(self, tree: ast.Module) -> None:
        self._statements(tree.body)
        if self._calls:
            if self._calls > 1:
                self.script.problem = 'it calls setup() more than once'
            return
        found = [(owner, call) for owner, call in _calls(tree) if self._is_setup(call)]
        if len(found) != 1:
            self.script.problem = 'it calls setup() more than once' if found else 'it does not call setup()'
            return
        # In a function: what that assigns is not followed.
        (owner, call), = found
        self._spoil_all(owner)
        self._setup(call)

    def _statements(self, body: typing.Iterable[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._bind_import(alias.asname or alias.name.partition('.')[0],
                                  alias.name if alias.asname else alias.name.partition('.')[0])
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self._bind_import(alias.asname or alias.name, f'{node.module or ""}.{alias.name}')
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            if node.value is not None:
                value = self._value(node.value)
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self._assign(target, value)
        elif isinstance(node, ast.AugAssign):
            left, right = self._value(_loaded(node.target)), self._value(node.value)
            self._assign(node.target, self._add(left, right, node) if isinstance(node.op, ast.Add)
                         else _unknown(node))
        elif isinstance(node, ast.Expr):
            if isinstance(node.value, ast.Call):
                if self._is_setup(node.value):
                    self._setup(node.value)
                else:
                    self._call_statement(node.value)
        elif isinstance(node, ast.If):
            test = self._value(node.test)
            if is_known(test):
                self._statements(node.body if test else node.orelse)
            else:
                self._spoil_all(node)
        elif isinstance(node, ast.With):
            for item in node.items:
                if item.optional_vars is not None:
                    self._assign(item.optional_vars, _unknown(item.context_expr))
            self._statements(node.body)
        else:
            # Loops, try, functions, classes: what they change is not followed.
            self._spoil_all(node)

    def _bind_import(self, name: str, origin: str) -> None:
        self._values.pop(name, None)
        self._imports[name] = origin

    def _assign(self, target: ast.expr, value: typing.Any) -> None:
        if isinstance(target, ast.Name):
            self._imports.pop(target.id, None)
            self._values[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts: typing.Sequence[typing.Any] = value if isinstance(value, (list, tuple)) and len(value) == len(
                target.elts) else [_unknown(target)] * len(target.elts)
            for inner, part in zip(target.elts, parts, strict=True):
                self._assign(inner, part)
        elif isinstance(target, ast.Subscript):
            container, key = self._value(target.value), self._value(target.slice)
            try:
                if not is_known(key) or not isinstance(container, (dict, list)):
                    raise TypeError
                container[key] = value
            except (TypeError, LookupError):
                self._spoil(target.value)
        elif isinstance(target, (ast.Attribute, ast.Starred)):
            self._spoil(target.value)

    def _call_statement(self, call: ast.Call) -> None:
        """A call for what it does: methods of lists and dictionaries are followed."""
        function = call.func
        if isinstance(function, ast.Attribute):
            owner = self._value(function.value)
            arguments = [self._value(argument) for argument in call.args]
            if isinstance(owner, list) and function.attr == 'append' and len(arguments) == 1:
                owner.append(arguments[0])
                return
            if isinstance(owner, list) and function.attr == 'extend' and len(arguments) == 1 and isinstance(
                    arguments[0], (list, tuple)):
                owner.extend(arguments[0])
                return
            if isinstance(owner, dict) and function.attr == 'update' and not any(k.arg is None for k in call.keywords):
                named = {str(keyword.arg): self._value(keyword.value) for keyword in call.keywords}
                if len(arguments) <= 1 and all(isinstance(argument, dict) for argument in arguments):
                    owner.update(*arguments, **named)
                    return
            self._spoil(function.value)
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
            self._spoil(argument)

    def _spoil(self, node: ast.expr) -> None:
        """What a name stands for may have been changed in a way that is not followed."""
        while isinstance(node, (ast.Subscript, ast.Attribute, ast.Starred)):
            node = node.value
        if isinstance(node, ast.Name) and node.id not in self._imports:
            if isinstance(self._values.get(node.id), (str, int, float, bool, tuple, type(None))) and (
                    node.id in self._values):
                return
            self._values[node.id] = Unknown(node.lineno, node.id)

    def _spoil_all(self, tree: ast.AST) -> None:
        """Everything that a piece of code assigns or may change."""
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self._values[node.name] = Unknown(node.lineno, node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self._statement(node)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
                self._values[node.id] = Unknown(node.lineno, node.id)
            elif isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, (ast.Store, ast.Del)):
                self._spoil(node)
            elif isinstance(node, ast.Call) and not self._is_setup(node):
                if isinstance(node.func, ast.Attribute):
                    self._spoil(node.func.value)
                for argument in node.args:
                    self._spoil(argument)

    # Values

    def _value(self, node: ast.expr) -> typing.Any:
        try:
            return self._evaluated(node)
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError):
            return _unknown(node)

    def _evaluated(self, node: ast.expr) -> typing.Any:
        """The value of an expression. Raises what a wrong one raises in Python."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self._values[node.id]
        if isinstance(node, (ast.List, ast.Tuple)):
            return self._sequence(node)
        if isinstance(node, ast.Dict):
            return self._dictionary(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._add(self._value(node.left), self._value(node.right), node)
        if isinstance(node, ast.JoinedStr):
            return ''.join(str(self._known(part.value if isinstance(part, ast.FormattedValue) else part))
                           for part in node.values if not _is_formatted(part))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return not self._known(node.operand)
        if isinstance(node, ast.BoolOp):
            return self._logical(node)
        if isinstance(node, ast.IfExp):
            return self._value(node.body if self._known(node.test) else node.orelse)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return _COMPARE[type(node.ops[0])](self._known(node.left), self._known(node.comparators[0]))
        if isinstance(node, ast.Subscript):
            container = self._value(node.value)
            return container[self._known(node.slice)]
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        return _unknown(node)

    def _known(self, node: ast.expr) -> typing.Any:
        """A value without anything Unknown. Raises LookupError otherwise."""
        value = self._value(node)
        if not is_known(value):
            raise LookupError
        return value

    def _sequence(self, node: ast.List | ast.Tuple) -> typing.Any:
        values: list[typing.Any] = []
        for part in node.elts:
            if isinstance(part, ast.Starred):
                inner = self._value(part.value)
                values += inner if isinstance(inner, (list, tuple)) else [_unknown(part.value)]
            else:
                values.append(self._value(part))
        return tuple(values) if isinstance(node, ast.Tuple) else values

    def _dictionary(self, node: ast.Dict) -> typing.Any:
        result: dict[typing.Any, typing.Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                result.update(self._value(value))
            else:
                result[self._known(key)] = self._value(value)
        return result

    def _logical(self, node: ast.BoolOp) -> typing.Any:
        """`and` and `or`: one operand that is known may decide, wherever it stands."""
        decides = isinstance(node.op, ast.Or)
        unknown, value = None, None
        for operand in node.values:
            value = self._value(operand)
            if not is_known(value):
                unknown = value
            elif bool(value) is decides:
                return value
        return value if unknown is None else _unknown(node)

    def _add(self, left: typing.Any, right: typing.Any, node: ast.AST) -> typing.Any:
        if type(left) is type(right) and isinstance(left, (list, tuple, str)) and len(left) < _LONGEST:
            return left + typing.cast(typing.Any, right)
        return _unknown(node)

    def _dotted(self, node: ast.expr) -> str:
        """'os.path.join' for what was imported; '' for anything else."""
        words: list[str] = []
        while isinstance(node, ast.Attribute):
            words.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ''
        if node.id in self._imports:
            words.append(self._imports[node.id])
        elif not words and node.id not in self._values:
            # A builtin function.
            words.append(node.id)
        else:
            return ''
        return '.'.join(reversed(words))

    def _assume(self, node: ast.expr, value: typing.Any) -> typing.Any:
        self.script.assumed.setdefault(node.lineno, _source(node))
        return value

    def _attribute(self, node: ast.Attribute) -> typing.Any:
        name = self._dotted(node)
        if name == 'os.environ':
            return self._assume(node, {})
        if name == 'sys.implementation.name':
            return self._assume(node, 'cpython')
        return _unknown(node)

    def _is_setup(self, call: ast.Call) -> bool:
        return self._dotted(call.func) in ('setuptools.setup', 'distutils.core.setup')

    def _call(self, node: ast.Call) -> typing.Any:
        name = self._dotted(node.func)
        canonical = f'{name}({", ".join(map(ast.unparse, node.args))})'
        if canonical in _ANSWERS and not node.keywords:
            return self._assume(node, _ANSWERS[canonical])
        last = name.rpartition('.')[2]
        if last == 'Extension' and name.partition('.')[0] in _EXTENSIONS:
            return Extension(node.lineno, self._arguments(node, ('name', 'sources')))
        if last == 'cythonize':
            # Meson runs Cython itself; the options of this call are told elsewhere.
            extensions = self._value(node.args[0])
            return extensions if isinstance(extensions, list) and all(
                isinstance(extension, Extension) for extension in extensions) else _unknown(node)
        if last in ('find_packages', 'find_namespace_packages') and name.startswith('setuptools.'):
            given = self._arguments(node, ('where', 'exclude', 'include'))
            if not is_known(given) or set(given) - {'where', 'exclude', 'include'}:
                return _unknown(node)
            return FindPackages(
                str(given.get('where', '.')), tuple(given.get('include', ('*',))), tuple(given.get('exclude', ())),
                last == 'find_namespace_packages')
        if name in ('glob.glob', 'glob.iglob') and len(node.args) == 1 and not node.keywords:
            return self._glob(self._known(node.args[0]))
        if name == 'os.getenv':
            self._assume(node, None)
            return self._known(node.args[1]) if len(node.args) > 1 else None
        arguments = [self._known(argument) for argument in node.args]
        keywords = {str(k.arg): self._known(k.value) for k in node.keywords}
        if None in (k.arg for k in node.keywords):
            return _unknown(node)
        if name in _PURE:
            return _PURE[name](*arguments, **keywords)
        if isinstance(node.func, ast.Attribute):
            owner = self._known(node.func.value)
            if (isinstance(owner, str) and node.func.attr in _STRING_METHODS) or (
                    isinstance(owner, dict) and node.func.attr == 'get'):
                return getattr(owner, node.func.attr)(*arguments, **keywords)
        return _unknown(node)

    def _arguments(self, call: ast.Call, positional: typing.Sequence[str]) -> dict[str, typing.Any]:
        """Name -> value; '**' for those whose names are not known."""
        result: dict[str, typing.Any] = {}
        for number, argument in enumerate(call.args):
            if isinstance(argument, ast.Starred) or number >= len(positional):
                result['**'] = _unknown(argument)
                break
            result[positional[number]] = self._value(argument)
        for keyword in call.keywords:
            value = self._value(keyword.value)
            if keyword.arg is not None:
                result[keyword.arg] = value
            elif isinstance(value, dict):
                result.update({str(key): inner for key, inner in value.items()})
            else:
                result['**'] = value
        return result

    def _setup(self, call: ast.Call) -> None:
        self._calls += 1
        self.script.line = call.lineno
        self.script.arguments = self._arguments(call, ())
        self.script.lines = dict.fromkeys(self.script.arguments, call.lineno)
        self.script.lines |= {keyword.arg: keyword.value.lineno for keyword in call.keywords if keyword.arg}


def _calls(tree: ast.Module) -> typing.Iterator[tuple[ast.AST, ast.Call]]:
    """All calls, with the statement of the module that they stand in."""
    for statement in tree.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call):
                yield statement, node


def _loaded(target: ast.expr) -> ast.expr:
    """A target of an assignment as an expression."""
    return ast.parse(ast.unparse(target), mode='eval').body


def _is_formatted(part: ast.expr) -> bool:
    """Whether {…:spec} or {…!r} stands in an f-string: then the value is not followed."""
    if isinstance(part, ast.FormattedValue) and (part.format_spec is not None or part.conversion != -1):
        raise ValueError
    return False


def _source(node: ast.AST) -> str:
    text = ' '.join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:57] + '...'


def _unknown(node: ast.AST) -> Unknown:
    return Unknown(getattr(node, 'lineno', 0), _source(node))
