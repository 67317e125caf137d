# SPDX-License-Identifier: MIT
import sys
import sysconfig

from setuptools import Extension, setup


if not sysconfig.get_config_var('Py_GIL_DISABLED'):
    macros, tag = [('Py_LIMITED_API', '0x03090000')], 'cp39'
elif sys.version_info >= (3, 15):
    macros, tag = [('Py_TARGET_ABI3T', '0x030f0000')], 'cp315'
else:
    macros, tag = [], ''
setup(
    ext_modules=[Extension('answer', ['answer.c'], define_macros=macros, py_limited_api=bool(tag))],
    options={'bdist_wheel': {'py_limited_api': tag}} if tag else {},
)
