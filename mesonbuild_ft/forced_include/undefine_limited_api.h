/* SPDX-License-Identifier: MIT
 *
 * Forced into every C and C++ source where the plan is the full API of a free-threaded
 * interpreter, and meson.build itself says -DPy_LIMITED_API for some target: the headers of
 * free-threaded 3.13 and 3.14 stop with #error there, and later ones hide names.
 */
#undef Py_LIMITED_API
