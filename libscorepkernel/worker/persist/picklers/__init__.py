# SPDX-License-Identifier: BSD-3-Clause
"""Makes bytes of objects, and objects of bytes, by the marshaller that the user chose."""
