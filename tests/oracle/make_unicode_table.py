#!/usr/bin/python3
"""Writes src/base/unicode_table.c: the code points for which Python's str.isprintable() is true.

    /usr/bin/python3 tests/oracle/make_unicode_table.py > src/base/unicode_table.c

Run it with a Python whose Unicode version is the one named in text.h (3.11: Unicode 14).
"""
import sys
import unicodedata

RANGES_A_LINE = 4


def ranges():
    start = None
    for cp in range(sys.maxunicode + 2):
        printable = cp <= sys.maxunicode and chr(cp).isprintable()
        if printable and start is None:
            start = cp
        elif not printable and start is not None:
            yield start, cp - 1
            start = None


def main():
    if unicodedata.unidata_version != '14.0.0':
        sys.exit(f'Unicode {unicodedata.unidata_version}, not 14.0.0: run it with Python 3.11')
    table = list(ranges())
    print(
        '/* Made by tests/oracle/make_unicode_table.py: what str.isprintable() accepts, Unicode '
        f'{unicodedata.unidata_version}. */'
    )
    print('#include "unicode_table.h"\n')
    print('const struct unicode_range unicode_printable[] = {')
    for i in range(0, len(table), RANGES_A_LINE):
        row = ', '.join(f'{{0x{a:04x}, 0x{b:04x}}}' for a, b in table[i : i + RANGES_A_LINE])
        print(f'    {row},')
    print('};\n')
    print(
        'const size_t unicode_printable_count ='
        ' sizeof unicode_printable / sizeof *unicode_printable;'
    )


main()
