# SPDX-License-Identifier: MIT
"""What a person sees: diagnostics and the summary at the end of a build."""

from __future__ import annotations

import os
import re
import sys
import typing

from .diagnostics import Diagnostic
from .modules import Module
from .scanner import Facts


if typing.TYPE_CHECKING:
    from .plan import Plan
    from .settings import Verify
    from .target import Target
    from .verify import Verification


_COLOURS = {'error': '31;1', 'warning': '33;1', 'hint': '36;1', 'title': '1', 'good': '32'}


def colour(text: str, name: str, stream: typing.TextIO) -> str:
    """`text` in a colour where `stream` is a terminal (https://no-color.org, FORCE_COLOR)."""
    if os.environ.get('NO_COLOR') or not (
            os.environ.get('FORCE_COLOR') or (stream.isatty() and os.environ.get('TERM') != 'dumb')):
        return text
    return f'\33[{_COLOURS[name]}m{text}\33[0m'


def without_colour(text: str) -> str:
    """Without what GCC and Clang write for colours on a terminal."""
    return re.sub(r'\x1b\[[0-9;]*[mK]', '', text)


def show(diagnostics: typing.Iterable[Diagnostic], stream: typing.TextIO | None = None) -> None:
    """Print diagnostics: identifier, what, where, what to do."""
    stream = sys.stderr if stream is None else stream
    sys.stdout.flush()
    for item in diagnostics:
        head = colour(f'mesonbuild-ft: {item.severity}[{item.identifier}]:', item.severity, stream)
        _print(f'{head} {item.what}', stream)
        if item.where:
            _print(f'  where: {item.where}', stream)
        if item.advice:
            _print(f'  to do: {item.advice}', stream)
    stream.flush()


def summary(
    target: Target, plan: Plan, wheel_name: str, size: int, verification: Verification, setting: Verify,
    stream: typing.TextIO | None = None, *, left_out: typing.Sequence[str] = (), advice: str = '',
) -> None:
    """Print what was decided, built and verified.

    size: of the wheel in bytes; setting: `verify`; left_out: paths of what was built and is not in the wheel;
    advice: how much compilers gave, in words.
    """
    stream = sys.stdout if stream is None else stream
    _decided(target, plan, stream)
    _print(f'  wheel     {colour(wheel_name, "good", stream)} ({_size(size)})', stream)
    for path in left_out:
        _print(f'  left out  {path}: an import library, which only a linker uses', stream)
    for module in verification.modules:
        words = describe(module, free_threaded=target.free_threaded or plan.abi == 'abi3t')
        # gil-enabled-by-module is a fact of the module; all else contradicts the tag.
        against = dict.fromkeys(
            d.identifier for d in verification.found
            if d.where == module.path and d.severity != 'hint' and d.identifier != 'gil-enabled-by-module')
        if against:
            _print(f'  doubtful  {words} ({", ".join(against)})', stream)
        else:
            _print(f'  verified  {words}', stream)
    if setting == 'off':
        _print('  verified  nothing: verify is off', stream)
    elif not verification.modules:
        _print('  verified  no extension modules', stream)
    for words in verification.unproven:
        _print(f'  unknown   {words}', stream)
    if advice:
        _print(f'  advice    {advice}', stream)
    stream.flush()


def configured(
    target: Target, plan: Plan, build_dir: os.PathLike[str], stream: typing.TextIO | None = None,
) -> None:
    """Print what a build directory was configured for."""
    stream = sys.stdout if stream is None else stream
    _decided(target, plan, stream)
    _print(f'  next      meson compile -C {os.fspath(build_dir)}', stream)
    stream.flush()


def _decided(target: Target, plan: Plan, stream: typing.TextIO) -> None:
    _print(colour(f'mesonbuild-ft: {target.name}, {target.platform}', 'title', stream), stream)
    for reason in plan.reasons:
        _print(f'  decided   {reason}', stream)


def describe(module: Module, *, free_threaded: bool) -> str:
    """One line on a module: 'pkg/one.abi3.so: multi-phase init, GIL not used, free-threaded layout'.

    free_threaded: the wheel serves free-threaded interpreters; for others the GIL is no question.
    """
    facts = module.facts
    if facts is None:
        return f'{module.path}: not scanned ({module.problem})'
    words = {part.machine: _describe(part, free_threaded) for part in facts.parts}
    if len(set(words.values())) == 1:
        return f'{module.path}: {words.popitem()[1]}'
    return f'{module.path}: {"; ".join(f"{machine}: {text}" for machine, text in words.items())}'


def _describe(facts: Facts, free_threaded: bool) -> str:
    gil = {'not-used': 'GIL not used', 'used': 'uses the GIL', 'not-declared': 'GIL not declared',
           'unknown': 'GIL unknown'}[facts.gil]
    layout = {'gil': 'GIL layout', 'free-threaded': 'free-threaded layout', 'opaque': 'layout-independent',
              'unknown': 'layout unknown'}[facts.layout]
    init = {'none': 'no init function', 'unknown': 'init unknown'}.get(facts.init, f'{facts.init} init')
    return ', '.join([init, *([gil] if free_threaded else []), layout])


def _size(size: int) -> str:
    if size < 10_000:
        return f'{size} bytes'
    return f'{size / 1000:.0f} kB' if size < 1_000_000 else f'{size / 1_000_000:.1f} MB'


def _print(text: str, stream: typing.TextIO) -> None:
    """Print, with replacement characters where the stream cannot encode the text."""
    encoding = getattr(stream, 'encoding', None) or 'utf-8'
    print(text.encode(encoding, 'replace').decode(encoding), file=stream)
