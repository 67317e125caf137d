# SPDX-License-Identifier: MIT
"""Everything that mesonbuild-ft can complain about, each with a permanent identifier.

An identifier is never renamed and never reused: people search for it, silence it
and link to it. `IDENTIFIERS` is the complete list; a `Diagnostic` cannot be made
with a name that is not in it.
"""

from __future__ import annotations

import typing


Severity = typing.Literal['error', 'warning', 'hint']

#: identifier -> what it means, in one sentence.
IDENTIFIERS: typing.Final[dict[str, str]] = {
    # Input that cannot be used.
    'unreadable-file': 'A file cannot be read or written.',
    'invalid-pyproject': 'pyproject.toml is not valid TOML, or a table in it is not a table.',
    'invalid-project-metadata': 'The [project] table does not follow the specification.',
    'unknown-setting': 'A key or table in pyproject.toml, of mesonbuild-ft or meson-python, does not exist.',
    'invalid-setting': 'A key in [tool.mesonbuild-ft] or [tool.meson-python] has a value of the wrong kind.',
    'unknown-config-setting': 'A config setting (-C) does not exist.',
    'invalid-config-setting': 'A config setting (-C) has a value that is not allowed.',
    'invalid-environment': 'An environment variable has a value that cannot be used.',
    'unreadable-target': 'The files of a target interpreter are missing, damaged or contradict each other.',
    'contradictory-target': 'The variables that tell of a target interpreter contradict each other.',
    'unusable-interpreter': 'An interpreter that was named cannot be run, or is no Python 3.',
    'python-too-old': 'The interpreter is older than the project allows (requires-python).',
    'python-too-new': 'The interpreter is newer than the project allows (requires-python).',
    'unusable-input': 'What was named to check is no wheel, extension module, directory or package.',
    'nothing-to-check': 'What was named to check holds no wheel, no extension module and nothing of Python.',
    'package-not-installed': 'What was named to check is no file and no installed package.',
    # Archives that are not what they seem.
    'unreadable-archive': 'A wheel is not a zip archive that can be read.',
    'duplicate-member': 'A path is in the archive more than once.',
    'unsafe-member-path': 'A path in the archive leads out of the directory it is unpacked into.',
    'overlapping-members': 'Members of the archive share bytes, as only a bomb does.',
    'member-header-mismatch': 'The two headers of a member contradict each other.',
    'damaged-member': 'A member cannot be inflated, or has another size or CRC than its header says.',
    'encrypted-member': 'A member of the archive is encrypted.',
    'inflation-limit': 'The modules in an archive inflate to more bytes than the limit admits.',
    # Decisions that cannot be carried out.
    'abi-not-possible': 'The ABI asked for by -Cabi does not exist for this project on this interpreter.',
    'abi3t-without-limited-api': 'abi3t is asked for, but the project does not use the limited API.',
    'limited-api-without-module': 'limited-api = true, but no extension module has limited_api:.',
    'module-without-limited-api': 'limited-api = true, but this extension module has no limited_api:.',
    'limited-api-not-declared': 'An extension module has limited_api:, but limited-api = true is missing.',
    'unusable-build-directory': 'The build directory that was named holds sources, or is no directory.',
    'limited-api-too-new': 'limited_api: names a version that no CPython known to mesonbuild-ft has reached.',
    'limited-api-not-visible': 'The version in limited_api: of a module cannot be read from the configured build.',
    'return-takes-no-reference': 'Py_RETURN_NONE of these headers ends interpreters that the wheel promises.',
    'floor-not-readable': 'The limited_api: of the modules cannot be read from meson.build without running Meson.',
    'migration-not-possible': 'mesonbuild-ft migrate cannot change this project to mesonbuild-ft.',
    'no-interpreter-left': 'No version of Python is left that the project is to be built for.',
    'different-floors': 'The extension modules name different versions in limited_api:.',
    'target-not-described': 'Something is built for another machine, and nothing says for which Python.',
    'unsupported-target': 'The target is a Python that extension modules are not compiled for in this way.',
    'target-not-running': 'An editable install is asked for with a target other than the running interpreter.',
    'rpath-not-possible': 'A file needs a run path, which cannot be written on this system.',
    # Tools and steps that failed.
    'missing-meson': 'Meson is missing, too old or cannot be run.',
    'missing-ninja': 'ninja is missing or too old.',
    'missing-compiler': 'Meson found no compiler for a language that the project uses.',
    'missing-python-headers': 'The headers of the target interpreter are not installed.',
    'meson-setup-failed': 'meson setup stopped with an error.',
    'compile-failed': 'ninja stopped with an error.',
    'sdist-failed': 'meson dist stopped with an error.',
    'meson-python-failed': 'meson-python refused the project.',
    'missing-library': 'A Python library that only this command needs is not installed.',
    'missing-scanner': 'The scanner (mesonbuild_ft._abiscan) is not installed, so nothing can be verified.',
    'other-build-backend': 'pyproject.toml names another build backend in [build-system].',
    'build-environment-failed': 'The requirements of the build could not be installed.',
    'wheel-not-built': 'The build of a wheel failed; its log says why.',
    # Sources that are not ready for abi3t.
    'abi3t-needs-export-hook': 'abi3t needs a PyModExport_ hook, and the source has only PyInit_.',
    'abi3t-object-head': 'A structure begins with PyObject_HEAD, which abi3t does not have.',
    'abi3t-cython': 'Cython does not generate code for abi3t yet.',
    'pybind11-without-limited-api': 'pybind11 cannot be compiled with the limited API.',
    'abi3t-limited-api-in-source': 'A source defines Py_LIMITED_API itself, which the abi3t build cannot redirect.',
    # Verdicts on what was built.
    'module-not-installed': 'The project builds extension modules, and none of them is in the wheel.',
    'abi3-without-version': 'The tag says abi3 or abi3t, and no version of CPython that it begins with.',
    'unreadable-module': 'A file named like an extension module cannot be scanned.',
    'unscanned-module': 'The scanner cannot read this kind of file, so nothing is proven about it.',
    'missing-init-function': 'The module exports no init function for its name.',
    'object-without-limited-api': 'An object that includes Python.h was compiled without Py_LIMITED_API.',
    'symbol-outside-stable-abi': 'A stable-ABI module imports a symbol that is not in the stable ABI.',
    'symbol-newer-than-floor': 'A stable-ABI module imports a symbol newer than its limited API version.',
    'module-slot-too-new': 'A module slot is newer than the oldest Python that the tag names.',
    'abi-info-refused': 'PyABIInfo of a module makes a Python that the tag admits refuse it, or is missing.',
    'wrong-object-layout': 'A module is compiled for the other object layout (GIL or free-threaded).',
    'version-specific-module': 'A module for one Python version lies in a stable-ABI wheel.',
    'module-for-other-python': 'A module is for another Python than the wheel tag says.',
    'machine-mismatch': 'The platform tag contradicts the machine that a module was compiled for.',
    'libc-mismatch': 'The platform tag contradicts the C library that a module is linked to: glibc or musl.',
    'macos-newer-than-tag': 'A module says that it needs a newer macOS than the platform tag.',
    'wheel-not-written': 'The wheel was not written, because of the errors shown with this.',
    'wheel-too-large': 'A wheel that needs zip64 cannot be given another tag.',
    'gil-enabled-by-module': 'Importing the module switches the GIL on in a free-threaded interpreter.',
    # Verdicts on a finished wheel.
    'invalid-wheel-name': 'The file name of a wheel does not follow the specification.',
    'missing-wheel-file': 'The wheel has no WHEEL file, or more than one.',
    'wheel-tag-mismatch': 'WHEEL names other tags than the file name.',
    'incomplete-wheel-tags': 'WHEEL lacks a Tag line, or has several tags in one.',
    'module-in-pure-wheel': 'A wheel that says it is pure Python holds an extension module.',
    'suffix-not-loadable': 'A Python that the tag admits does not look for a file name like that of the module.',
    'links-libpython': 'A module is linked to libpython, which other interpreters do not have.',
    'wrong-python-dll': 'A Windows module imports a Python DLL that the tag does not stand for.',
    'abi3t-tag-too-old': 'The tag names abi3t with a Python before 3.15, which has none.',
    'could-be-stable-abi': 'All modules use the limited API, and the wheel is for one version only.',
    'floor-could-be-lower': 'The modules need nothing newer than an older Python that the project supports.',
    'import-failed': 'An interpreter that the tags admit could not import a module.',
    'import-not-tried': 'An import was asked for, and nothing could be learned from it.',
    'contradicted-classifier': 'METADATA says that the project supports free threading; a module switches the GIL on.',
    'runtime-library-missing': 'A module for Windows needs a DLL of its compiler that the wheel does not have.',
    'import-library-in-wheel': 'The wheel holds a Windows import library, which only a linker uses.',
    # What compilers advise on free threading.
    'advice-borrowed-reference': 'A borrowed reference is taken from what other threads may change.',
    'advice-dict-next': 'PyDict_Next walks through a dict that other threads may change.',
    'advice-allocation-domain': 'Memory of the allocator for Python objects is used for something else, or mixed up.',
    'advice-gil-state': 'PyGILState_Ensure no longer keeps other threads out.',
    'advice-single-phase': 'A module with single-phase initialisation switches the GIL on, unless it says otherwise.',
    # Things done on the way.
    'build-directory-wiped': 'What a build directory held for another interpreter was removed.',
    'metadata-differs': 'The wheel has other metadata than the metadata hook announced.',
}


class _Fields(typing.NamedTuple):
    identifier: str
    severity: Severity
    what: str
    where: str
    advice: str


class Diagnostic(_Fields):
    """One thing to tell a person.

    what: what is wrong; where: the file, key, module or object; advice: what to do.
    """

    __slots__ = ()

    def __new__(
        cls, identifier: str, severity: Severity, what: str, where: str = '', advice: str = '',
    ) -> Diagnostic:
        """Raises ValueError for an identifier that has no page."""
        if identifier not in IDENTIFIERS:
            raise ValueError(f'unknown diagnostic identifier {identifier!r}')
        return super().__new__(cls, identifier, severity, what, where, advice)

    @classmethod
    def from_json(cls, data: typing.Sequence[typing.Any]) -> Diagnostic:
        """From the array that json makes of one. Raises ValueError and TypeError."""
        return cls(*data)


class BuildRefused(Exception):
    """A build that cannot go on. Carries the diagnostics; the first one is the cause."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__('; '.join(f'{d.identifier}: {d.what}' for d in diagnostics))
        self.diagnostics = diagnostics


def from_os_error(error: OSError) -> Diagnostic:
    """What to say of a file that the system does not let us read or write."""
    return Diagnostic(
        'unreadable-file', 'error', error.strerror or str(error), where=str(error.filename or ''),
        advice='Check that the file exists, its permissions, and the space on the disk.')


def refuse(identifier: str, what: str, *, where: str = '', advice: str = '') -> BuildRefused:
    """The exception to raise for a single error."""
    return BuildRefused(Diagnostic(identifier, 'error', what, where, advice))
