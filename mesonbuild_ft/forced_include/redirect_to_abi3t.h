/* SPDX-License-Identifier: MIT
 *
 * Forced into every C and C++ source of an abi3t build (-include, /FI), so that a
 * project whose meson.build says limited_api: '3.9' is compiled for abi3t as it stands.
 * Meson knows no Py_TARGET_ABI3T (PEP 803); sources compiled without Py_LIMITED_API,
 * such as helpers that never see Python.h, are left alone.
 */
#ifdef Py_LIMITED_API
#  if Py_LIMITED_API + 0 < 0x030f0000
#    undef Py_LIMITED_API
#    define Py_LIMITED_API 0x030f0000
#  endif
#  ifndef Py_TARGET_ABI3T
#    define Py_TARGET_ABI3T Py_LIMITED_API
#  endif
#endif
