#!/usr/bin/python3
"""Writes src/base/float_powers.def: powers of ten as 128-bit numbers, for printing floats.

    /usr/bin/python3 tests/oracle/make_float_powers.py > src/base/float_powers.def

10**k = g * 2**e with 2**127 <= g < 2**128, g rounded up.
"""
LEAST, MOST = -292, 324


def significand(k):
    if k >= 0:
        power = 10**k
        shift = 128 - power.bit_length()
        return power << shift if shift >= 0 else -(-power >> -shift)
    power = 10**-k
    shift = power.bit_length() + 127
    g = -(-(1 << shift) // power)
    return g if g < 1 << 128 else g >> 1


def main():
    print('/* Made by tests/oracle/make_float_powers.py: 10^k from k = %d on. */' % LEAST)
    for k in range(LEAST, MOST + 1):
        g = significand(k)
        assert 1 << 127 <= g < 1 << 128
        print('{0x%016x, 0x%016x}, /* %d */' % (g >> 64, g & (1 << 64) - 1, k))


if __name__ == '__main__':
    main()
