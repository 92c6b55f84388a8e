"""The shapes of pickles that the benchmarks measure, made by this Python."""
import pickle
import random

MEMBERS = 'name age city score tags active balance'.split()


class Point:
    def __init__(self, x, y, label):
        self.x, self.y, self.label = x, y, label


def syllables(rng, n):
    """Korean text: words of two to five syllables."""
    words = []
    while n > 0:
        words.append(''.join(chr(rng.randrange(0xAC00, 0xD7A4)) for _ in range(rng.randint(2, 5))))
        n -= len(words[-1]) + 1
    return ' '.join(words)


def word(rng, low, high):
    return ''.join(rng.choices('abcdefghijklmnopqrstuvwxyz0123456789_', k=rng.randint(low, high)))


def record(rng, i):
    return {
        'name': f'user{i}',
        'age': rng.randrange(100),
        'city': rng.choice(CITIES),
        'score': rng.random(),
        'tags': None if i % 3 else rng.randrange(100000),
        'active': i % 2 == 0,
        'balance': rng.randrange(10**9),
    }


CITIES = ['Seoul', 'Lyon', 'Quito', 'Oslo', 'Accra', 'Perth', 'Lima', 'Bergen']


def nested(depth):
    """A list in a list in a list ...: written by hand, the pickler itself would recurse."""
    return b'\x80\x04' + b']\x94' * depth + b'a' * (depth - 1) + b'.'


def repeat(make, size, per, protocol=4):
    rng = random.Random(1)
    n = max(1, int(size / per))
    return pickle.dumps([make(rng, i) for i in range(n)], protocol)


def references(size):
    """Values of a few words, met again and again."""
    rng = random.Random(1)
    words = [word(rng, 5, 12) for _ in range(5000)]
    return pickle.dumps([rng.choice(words) for _ in range(int(size / 4.9))], 4)


def dict_of_lists(size):
    rng = random.Random(1)
    n = int(size / 52)
    return pickle.dumps({f'key{i}': [rng.randrange(70000) for _ in range(10)] for i in range(n)}, 4)


def items(size, spread):
    rng = random.Random(1)
    return pickle.dumps(tuple(rng.randrange(spread) for _ in range(int(size))), 4)


MB = 1000 * 1000

# name -> (bytes wanted at full size, maker); the makers are given the bytes wanted.
SHAPES = {
    'list of ints': (75 * MB, lambda s: repeat(lambda r, i: r.randrange(70000, 2**31), s, 5)),
    'list of floats': (72 * MB, lambda s: repeat(lambda r, i: r.random(), s, 9)),
    'small mixed ints': (
        40 * MB,
        lambda s: repeat(lambda r, i: r.randrange((256, 65536, 2**31)[r.randrange(3)]), s, 3.3),
    ),
    'ASCII strings': (60 * MB, lambda s: repeat(lambda r, i: word(r, 5, 40), s, 26)),
    'Korean, short': (
        60 * MB,
        lambda s: repeat(lambda r, i: syllables(r, r.randint(2, 12)), s, 27),
    ),
    'Korean, long': (
        60 * MB,
        lambda s: repeat(lambda r, i: syllables(r, r.randint(200, 2000)), s, 2840),
    ),
    'records, protocol 0': (60 * MB, lambda s: repeat(record, s, 130, 0)),
    'records, protocol 2': (60 * MB, lambda s: repeat(record, s, 73, 2)),
    'records, protocol 4': (60 * MB, lambda s: repeat(record, s, 65, 4)),
    'dict of lists': (50 * MB, dict_of_lists),
    'objects': (80 * MB, lambda s: repeat(lambda r, i: Point(i, r.random(), f'p{i}'), s, 46)),
    '10M-item tuple': (29 * MB, lambda s: items(s / 2.9, 65536)),
    'references': (50 * MB, references),
    'one bytes value': (1000 * MB, lambda s: pickle.dumps(bytes(int(s)), 4)),
    'deep nesting': (MB * 6 // 10, lambda s: nested(200000)),
}
# What the means leave out.
APART = ('one bytes value', 'deep nesting')
