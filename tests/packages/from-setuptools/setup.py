# SPDX-License-Identifier: MIT
import os
import sysconfig

from setuptools import Extension, setup


here = os.path.abspath(os.path.dirname(__file__))
free_threaded = bool(sysconfig.get_config_var('Py_GIL_DISABLED'))
macros = [('ANSWER', '42')]
options = {}
if not free_threaded:
    macros.append(('Py_LIMITED_API', '0x03090000'))
    options['bdist_wheel'] = {'py_limited_api': 'cp39'}

setup(
    ext_modules=[
        Extension(
            'from_setuptools._core',
            sources=['src/core.c'],
            include_dirs=[os.path.join(here, 'include')],
            define_macros=macros,
            libraries=['m'],
            py_limited_api=not free_threaded,
        ),
    ],
    options=options,
)
