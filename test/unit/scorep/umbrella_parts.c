/* SPDX-License-Identifier: BSD-3-Clause
 *
 * umbrella_parts.c - two libraries for the test of umbrella_object.c, left (LEFT is defined) and right: each refers to
 * the other, and does not say so.
 */
int left_number(int number);
int left_base(void);
int right_number(int number);
int right_base(void);

#ifdef LEFT

int left_number(int number)
{
    return number + right_base();
}

int left_base(void)
{
    return 1000;
}

#else

int right_number(int number)
{
    return number + left_base();
}

int right_base(void)
{
    return 2000;
}

#endif
