# SPDX-License-Identifier: MIT
"""Stand-ins for Microsoft's compilers, so that Meson configures natively in a Windows Python and ninja builds there.

There is no MSVC here, and compilers do not run well under Wine. What Meson starts as cl.exe, link.exe and lib.exe, or
as clang-cl.exe, lld-link.exe and llvm-lib.exe, is stand_in.c: it hands its arguments over a socket to this module,
which keeps them and has the work done on the Linux side: compilations by the real clang in its clang-cl mode, which
understands and checks the syntax of those arguments, for the ABI of MinGW; links by MinGW. What is *not* shown
by that: that cl.exe itself accepts the arguments, and that its C library is the right one. gcc.exe and g++.exe are
MinGW itself, as it runs here.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import re
import shutil
import socketserver
import struct
import subprocess
import threading
import typing

import support
import trees
import windows_python


_TRIPLET: typing.Final = 'x86_64-w64-mingw32'
#: What each says of itself, as far as Meson reads it.
_BANNERS: typing.Final = {
    'cl': 'Microsoft (R) C/C++ Optimizing Compiler Version 19.44.35211 for x64\n',
    'link': 'Microsoft (R) Incremental Linker Version 14.44.35211.0 X64\n',
    'lib': 'Microsoft (R) Library Manager Version 14.44.35211.0\nusage: LIB ... /OUT:filename\n',
    'clang-cl': 'OVERVIEW: clang LLVM compiler\n\nCL.EXE COMPATIBILITY OPTIONS:\n',
    'lld-link': 'LLD 14.0.6\n',
    'llvm-lib': 'OVERVIEW: LLVM Lib\nOPTIONS:\n  /out:<value>\n',
}
#: The compiler -> the programs that Meson looks for with it.
PROGRAMS: typing.Final = {
    'cl': ('cl', 'link', 'lib'), 'clang-cl': ('clang-cl', 'lld-link', 'llvm-lib'), 'gcc': ('gcc', 'g++', 'ar')}


@dataclasses.dataclass(frozen=True)
class Call:
    """One run of a stand-in: `arguments` as the Windows program got them, response files replaced by what they say."""

    program: str
    arguments: tuple[str, ...]

    @property
    def compiles(self) -> bool:
        """Whether a source becomes an object file."""
        return self.program in PROGRAMS and '/c' in self.arguments


class Compilers:
    """The programs of one compiler in `directory`, and what they were called with; a context manager."""

    def __init__(self, compiler: str, directory: pathlib.Path) -> None:
        self.compiler = compiler
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.calls: list[Call] = []
        #: Programs that only print something.
        self.printed: dict[str, str] = {}
        for name in PROGRAMS[compiler]:
            shutil.copy2(_stand_in(), directory / f'{name}.exe')
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                words = self.rfile.read().decode().split('\0')[:-1]
                status, output, errors = outer._answer(words[0], words[1], words[2:])
                self.wfile.write(struct.pack('<I', status))
                for text in (output, errors):
                    data = text.encode()
                    self.wfile.write(struct.pack('<I', len(data)) + data)

        self._server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True

    def add(self, name: str, output: str) -> None:
        """One more program, which prints this whatever it is asked."""
        shutil.copy2(_stand_in(), self.directory / f'{name}.exe')
        self.printed[name] = output

    @property
    def environment(self) -> dict[str, str]:
        """For what runs under Wine, beside the directory in its PATH."""
        return {'COMPILER_STAND_IN_PORT': str(self._server.server_address[1])}

    def __enter__(self) -> Compilers:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, directory: str, program: str, words: list[str]) -> tuple[int, str, str]:
        name = re.split(r'[\\/]', program)[-1].removesuffix('.exe').lower()
        cwd = pathlib.Path(here(directory))
        if name in self.printed:
            self.calls.append(Call(name, tuple(words)))
            return 0, self.printed[name], ''
        arguments = _without_response_files(cwd, words)
        self.calls.append(Call(name, tuple(arguments)))
        if name in PROGRAMS['gcc']:
            return _mingw(cwd, name, arguments)
        if not arguments or {'/?', '-h', '/logo', '--version'} & set(arguments):
            if '--version' in arguments and name == 'clang-cl':
                return 0, 'clang version 14.0.6\nTarget: x86_64-pc-windows-msvc\n', ''
            # cl.exe says its version on its error output.
            return (0, '', _BANNERS[name]) if name == 'cl' else (0, _BANNERS[name], '')
        if name in PROGRAMS:
            return _compile(cwd, arguments)
        if name in ('lib', 'llvm-lib'):
            return _archive(cwd, arguments)
        return _link(cwd, arguments)


@functools.cache
def _stand_in() -> pathlib.Path:
    """stand_in.c, compiled."""
    program = support.ROOT / '.cache' / 'stand_in.exe'
    source = pathlib.Path(__file__).with_name('stand_in.c')
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        temporary = program.with_name(f'stand_in-{os.getpid()}.exe')
        trees.need(f'{_TRIPLET}-gcc')
        subprocess.run([f'{_TRIPLET}-gcc', '-Wall', '-Wextra', '-Werror', '-municode', '-O2', source, '-o', temporary,
                        '-lws2_32'], check=True)
        temporary.rename(program)
    return program


def here(name: str) -> str:
    r"""The name of a file here for what Windows programs call Z:\..., or for a relative name of theirs."""
    drive, colon, path = name.partition(':')
    if not colon or drive.upper() not in ('C', 'Z'):
        return name.replace('\\', '/')
    root = os.fspath(windows_python.PREFIX / 'drive_c') if drive.upper() == 'C' else ''
    return root + path.replace('\\', '/')


def _without_response_files(cwd: pathlib.Path, words: list[str]) -> list[str]:
    result = []
    for word in words:
        if word.startswith('@'):
            text = (cwd / here(word[1:])).read_text(encoding='utf-8')
            result += [part.strip('"').replace('\\\\', '\\') for part in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', text)]
        else:
            result.append(word)
    return result


def _compile(cwd: pathlib.Path, arguments: list[str]) -> tuple[int, str, str]:
    """clang in its clang-cl mode, with the headers of MinGW."""
    sources = [word for word in arguments if re.search(r'\.(c|cc|cpp|cxx)$', word)]
    headers = next(pathlib.Path('/usr/lib/gcc', _TRIPLET).glob('*-posix/include/c++'))
    is_c = all(name.endswith('.c') for name in sources) and '/TP' not in arguments
    folders = [f'/usr/{_TRIPLET}/include'] if is_c else [headers, headers / _TRIPLET, f'/usr/{_TRIPLET}/include']
    standard = next((word[5:] for word in arguments if word.startswith('/std:')), 'c11' if is_c else 'c++17')
    command = [
        'clang', '--driver-mode=cl', f'--target={_TRIPLET}', '-Qunused-arguments', '/Zl', '/GS-',
        *(f'/clang:-isystem{folder}' for folder in folders),
        # Ignored where clang's target is not that of MSVC.
        f'/clang:-std={standard}',
        *map(_path_argument, arguments)]
    done = _run(cwd, command)
    if done[0] == 0 and '/c' not in arguments and '/P' not in arguments and '/EP' not in arguments:
        raise AssertionError(f'compiling and linking in one is not stood in for: {arguments}')
    # Where the file is, as the Windows programs see it.
    return done[0], re.sub(r'(?m)^(Note: including file: +)/', r'\1Z:/', done[1]), done[2]


def _mingw(cwd: pathlib.Path, name: str, arguments: list[str]) -> tuple[int, str, str]:
    """MinGW, which is the same there; only paths differ, in arguments and in what it says it has read."""
    program = f'{_TRIPLET}-ar' if name == 'ar' else f'{_TRIPLET}-{name}-posix'
    done = _run(cwd, [program, *map(_gcc_argument, arguments)])
    for index, word in enumerate(arguments):
        # Dependency files name headers, for ninja.
        if word == '-MF':
            file = cwd / here(arguments[index + 1])
            if file.exists():
                file.write_text(re.sub(r'(?<![^\s])/', 'Z:/', file.read_text()))
    return done


def _gcc_argument(word: str) -> str:
    match = re.fullmatch(r'(-[IL]|-isystem|-Wl,--out-implib[=,])?((?:[zZcC]:|\.\.?)?[\w. \\/-]*[\\/].*)', word)
    return (match[1] or '') + here(match[2]) if match else word


def _archive(cwd: pathlib.Path, arguments: list[str]) -> tuple[int, str, str]:
    output = next(word[5:] for word in arguments if word.upper().startswith('/OUT:'))
    inputs = [here(word) for word in arguments if not word.startswith('/')]
    (cwd / here(output)).unlink(missing_ok=True)
    return _run(cwd, [f'{_TRIPLET}-ar', 'csr', here(output), *inputs])


def _link(cwd: pathlib.Path, arguments: list[str]) -> tuple[int, str, str]:
    command = [f'{_TRIPLET}-g++-posix', '-static']
    for word in arguments:
        option, _, value = word.partition(':') if word[0] in '/-' else ('', '', word)
        option = '/' + option[1:] if option else ''
        option = option.upper()
        if option == '/OUT':
            command += ['-o', here(value)]
        elif option == '/DLL':
            command.append('-shared')
        elif option == '/IMPLIB':
            command.append(f'-Wl,--out-implib,{here(value)}')
        elif not option:
            # Libraries of Windows itself have no path.
            is_system = value.endswith('.lib') and not (cwd / here(value)).exists()
            command.append(f'-l{value.removesuffix(".lib")}' if is_system else here(value))
        elif option not in ('/MACHINE', '/NOLOGO', '/RELEASE', '/PDB', '/DEBUG', '/SUBSYSTEM', '/ENTRY', '/OPT',
                            '/INCREMENTAL', '/WX', '/NODEFAULTLIB', '/DYNAMICBASE', '/NXCOMPAT'):
            return 1, f'stand-in for a linker: unknown option {word}\n', ''
    return _run(cwd, command)


#: Options of cl.exe that a file name follows without a space.
_WITH_PATH: typing.Final = re.compile(r'([/-](?:I|FI|Fo|Fe|Fd|Fa|Fi|Yu|Yc|Fp|Tc|Tp|external:I))(.+)')


def _path_argument(word: str) -> str:
    with_path = _WITH_PATH.fullmatch(word)
    if with_path is not None:
        return with_path[1] + here(with_path[2])
    return word if word.startswith(('/', '-')) else here(word)


def _run(cwd: pathlib.Path, command: typing.Sequence[str]) -> tuple[int, str, str]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors='replace', check=False)
    return done.returncode & 0xff, done.stdout, done.stderr
