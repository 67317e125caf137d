/* SPDX-License-Identifier: MIT
 *
 * Nothing of it is needed where only comments are read. */
