# SPDX-License-Identifier: MIT
"""The verdict on a wheel as a whole: its tags, its metadata and the files beside the modules. Pure."""

from __future__ import annotations

import re
import typing

from .. import tags
from ..diagnostics import Diagnostic
from ..modules import Module


class Contents(typing.NamedTuple):
    """What a finished wheel, or what was installed from one, says of itself.

    members: paths of all files. wheel_file: path of WHEEL. wheel_tags: its Tag lines, as they stand there.
    metadata_file: path of METADATA. classifiers, requires_python: of METADATA; '' where it says nothing.
    from_file_name: the tags that are judged come from a file name, so WHEEL can contradict them.
    """

    members: tuple[str, ...] = ()
    wheel_file: str = ''
    wheel_tags: tuple[str, ...] = ()
    root_is_purelib: bool = False
    metadata_file: str = ''
    classifiers: tuple[str, ...] = ()
    requires_python: str = ''
    from_file_name: bool = True


def audit(
    name: tags.WheelName, contents: Contents, modules: typing.Sequence[Module],
) -> typing.Iterator[Diagnostic]:
    """What is wrong with a wheel, beside what is wrong with each of its modules."""
    yield from _pure(name, contents, modules)
    if contents.from_file_name and contents.wheel_file:
        yield from _wheel_tags(name, contents)
    yield from _classifier(name, contents, modules)
    yield from _import_libraries(contents)
    yield from _one_wheel(name, modules)


def abi_without_version(name: tags.WheelName) -> typing.Iterator[Diagnostic]:
    """abi3 and abi3t begin with a version of CPython (PEP 384, PEP 803): installers expect cp3N-abi3."""
    pythons = name.python.split('.')
    if {'abi3', 'abi3t'} & set(name.abi.split('.')) and not any(map(tags.version_of_python_tag, pythons)):
        yield Diagnostic(
            'abi3-without-version', 'error', f'the tag is {name.python}-{name.abi}, and no installer takes it: the '
            'stable ABI begins with a version of CPython', advice='Tag the wheel with the limited API version of its '
            'modules, such as cp310-abi3.')


def abi3t_too_old(name: tags.WheelName) -> typing.Iterator[Diagnostic]:
    """A tag of abi3t with a Python that has none."""
    floor = tags.version_of_python_tag(name.python.split('.')[0])
    if 'abi3t' in name.abi.split('.') and floor is not None and floor < tags.FIRST_ABI3T:
        yield Diagnostic(
            'abi3t-tag-too-old', 'error', f'the tag {name.python}-{name.abi} begins with Python '
            f'{tags.version_text(floor)}, and abi3t with 3.15',
            advice=f'Call it cp315-{name.abi}, and ship another wheel for older interpreters.')


def _pure(
    name: tags.WheelName, contents: Contents, modules: typing.Sequence[Module],
) -> typing.Iterator[Diagnostic]:
    if name.abi == 'none':
        specific = all(re.fullmatch(r'cp\d\d+', python) for python in name.python.split('.'))
        # Several, each found by one Python on one platform: all others do without, as the wheel promises.
        suffixes = {module.suffix_tag for module in modules}
        specific = specific or (len(suffixes) > 1 and all('-' in suffix for suffix in suffixes))
        for module in modules:
            yield module.finding(
                'module-in-pure-wheel', 'warning' if specific else 'error',
                f'is an extension module, and the tag {name.tag} says that the wheel needs no ABI',
                'Build a wheel with the tag of the interpreter, or leave the module out.')
    elif contents.root_is_purelib:
        inside = [m for m in modules if not re.match(r'[^/]+\.data/', m.path)]
        for module in inside:
            yield module.finding(
                'module-in-pure-wheel', 'warning',
                'is an extension module, and WHEEL says that the wheel is pure (Root-Is-Purelib: true)',
                'Let the build backend write Root-Is-Purelib: false.')


def _wheel_tags(name: tags.WheelName, contents: Contents) -> typing.Iterator[Diagnostic]:
    advice = 'Let the tool that named the wheel write WHEEL too; `python -m wheel tags` renames a wheel with its WHEEL.'
    if not contents.wheel_tags:
        yield Diagnostic('incomplete-wheel-tags', 'warning', 'WHEEL has no Tag line', contents.wheel_file, advice)
        return
    listed: dict[str, None] = {}
    for tag in contents.wheel_tags:
        listed.update(dict.fromkeys(tags.expand(tag)))
        if len(listed) > 10_000:
            # No wheel has so many: the rest cannot make it right.
            break
    expanded = tags.expand(name.tag)
    wanted = set(expanded)
    foreign = [tag for tag in listed if tag not in wanted]
    missing = [tag for tag in expanded if tag not in listed]
    if foreign:
        # Where WHEEL has all tags of the name, installers have what they look for.
        yield Diagnostic(
            'wheel-tag-mismatch', 'error' if missing else 'warning',
            f'WHEEL says {_few(foreign)}, and the file name {_few(missing or expanded)}', contents.wheel_file, advice)
    elif missing:
        yield Diagnostic(
            'incomplete-wheel-tags', 'warning', f'WHEEL has no Tag line for {_few(missing)}, which the file name says',
            contents.wheel_file, advice)
    unexpanded = [tag for tag in contents.wheel_tags if '.' in tag]
    if unexpanded:
        yield Diagnostic(
            'incomplete-wheel-tags', 'warning',
            f'WHEEL has the Tag line {unexpanded[0]}, where each combination needs a line of its own',
            contents.wheel_file, advice)


def _few(names: typing.Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f'{names[0]} and {len(names) - 1} more'


def _classifier(
    name: tags.WheelName, contents: Contents, modules: typing.Sequence[Module],
) -> typing.Iterator[Diagnostic]:
    version = tags.version_of_python_tag(name.python.split('.')[0]) or tags.FIRST_ABI3T
    says = [c for c in contents.classifiers
            if c.startswith('Programming Language :: Python :: Free Threading :: ') and not c.endswith('1 - Unstable')]
    against = [m for m in modules
               if any(part.for_version(version).gil in ('used', 'not-declared') for part in m.parts)]
    if says and tags.serves_free_threaded(name.abi) and against:
        yield Diagnostic(
            'contradicted-classifier', 'hint',
            f'METADATA says "{says[0].rpartition(" :: ")[2]}" on free threading, and {_few([m.stem for m in against])} '
            'switches the GIL on', contents.metadata_file,
            'Declare in the module that it does not need the GIL, or take the classifier back to "1 - Unstable".')


def _import_libraries(contents: Contents) -> typing.Iterator[Diagnostic]:
    for path in import_libraries(contents.members):
        yield Diagnostic(
            'import-library-in-wheel', 'hint', f'{path.rpartition("/")[2]} is of use to a linker only',
            path, 'Leave it out: in Meson with an install_tag that is not installed, '
            'in setuptools and CMake by installing the runtime component only.')


def import_libraries(members: typing.Sequence[str]) -> typing.Iterator[str]:
    """The Windows import libraries among the paths in a wheel that nothing can want.

    Libraries may be shipped to be linked with; what is named after a module of the wheel never is.
    """
    modules = set()
    for path in members:
        if path.endswith(('.pyd', '.so')):
            folder, slash, file = path.rpartition('.')[0].rpartition('/')
            modules |= {folder + slash + file, folder + slash + file.partition('.')[0]}
    endings = ('.pyd.a', '.dll.a', '.lib', '.exp')
    for path in members:
        if not path.endswith(endings):
            continue
        for ending in endings:
            if path.endswith(ending):
                folder, slash, file = path[:-len(ending)].rpartition('/')
                if modules & {folder + slash + file, folder + slash + file.removeprefix('lib')}:
                    yield path
                break


def _one_wheel(name: tags.WheelName, modules: typing.Sequence[Module]) -> typing.Iterator[Diagnostic]:
    """A limited-API build in a wheel for one version: it could serve many."""
    if not modules or not re.fullmatch(r'cp\d+-cp\d+', f'{name.python}-{name.abi}'):
        return
    if all(_limited(module) for module in modules):
        yield Diagnostic(
            'could-be-stable-abi', 'hint',
            f'all modules are built with the limited API, and the wheel is for {name.python} only',
            advice='Tag the wheel with abi3 and the limited API version of its modules: one wheel serves all newer '
                   'interpreters with the GIL.')


def _limited(module: Module) -> bool:
    if not module.parts or any(symbol.abi3_since is None for part in module.parts for symbol in part.python_imports):
        return False
    if module.suffix_tag.split('-')[0] == 'abi3':
        return True
    needed = [library.lower() for part in module.parts for library in part.needed]
    return 'python3.dll' in needed and not any(re.fullmatch(r'python3\d+t?(_d)?\.dll', n) for n in needed)
