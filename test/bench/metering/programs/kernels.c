// Kernels with different habits, without a library. Each takes how much to do and answers a checksum.
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))

void *memset(void *target, int value, size_t count) {
  unsigned char *bytes = target;
  while (count-- > 0) *bytes++ = (unsigned char)value;
  return target;
}

static uint32_t random_state;

// xorshift32
static uint32_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

// Recursion.
static int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

EXPORT(recursion) int recursion(int n) { return fibonacci(n); }

// Stores in a loop of four instructions.
enum { MOST_NUMBERS = 1 << 20 };
static unsigned char composite[MOST_NUMBERS];

EXPORT(sieve) int sieve(int n) {
  int primes = 0;
  memset(composite, 0, (size_t)n);
  for (int i = 2; i < n; i++) {
    if (composite[i]) continue;
    primes++;
    for (int j = 2 * i; j < n; j += i) composite[j] = 1;
  }
  return primes;
}

// Floating point in three nested loops.
enum { MOST_ROWS = 160 };
static double left[MOST_ROWS][MOST_ROWS], right[MOST_ROWS][MOST_ROWS], product[MOST_ROWS][MOST_ROWS];

EXPORT(matrix) int matrix(int n) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      left[i][j] = (i + j) % 7;
      right[i][j] = (i * j) % 5;
    }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int k = 0; k < n; k++) sum += left[i][k] * right[k][j];
      product[i][j] = sum;
    }
  return (int)product[n / 2][n / 3];
}

// SHA-256 (FIPS 180-4): long straight code.
static const uint32_t ROUNDS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t value, int count) { return value >> count | value << (32 - count); }

static void compress(uint32_t state[8], const uint32_t block[16]) {
  uint32_t words[64], v[8];
  for (int i = 0; i < 16; i++) words[i] = block[i];
  for (int i = 16; i < 64; i++) {
    uint32_t low = rotate(words[i - 15], 7) ^ rotate(words[i - 15], 18) ^ words[i - 15] >> 3;
    uint32_t high = rotate(words[i - 2], 17) ^ rotate(words[i - 2], 19) ^ words[i - 2] >> 10;
    words[i] = words[i - 16] + low + words[i - 7] + high;
  }
  for (int i = 0; i < 8; i++) v[i] = state[i];
  for (int i = 0; i < 64; i++) {
    uint32_t mixed = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    uint32_t first = v[7] + mixed + ((v[4] & v[5]) ^ (~v[4] & v[6])) + ROUNDS[i] + words[i];
    uint32_t spread = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    uint32_t second = spread + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    for (int j = 7; j > 0; j--) v[j] = v[j - 1];
    v[4] += first;
    v[0] = first + second;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

EXPORT(sha256) int sha256(int blocks) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint32_t block[16];
  for (int i = 0; i < blocks; i++) {
    for (int j = 0; j < 16; j++) block[j] = (uint32_t)(i * 16 + j);
    compress(state, block);
  }
  return (int)state[0];
}

// A text of nested objects, parsed by recursive descent into nodes of an arena.
enum { MOST_TEXT = 1 << 16, MOST_NODES = 1 << 15 };
static char text[MOST_TEXT];
static int text_length;

typedef struct Node {
  int kind;
  double number;
  struct Node *first, *next;
} Node;

static Node nodes[MOST_NODES];
static int node_count;
static const char *cursor;

static void write_text(const char *piece) {
  while (*piece) text[text_length++] = *piece++;
}

static void write_number(int value) {
  if (value >= 10) write_number(value / 10);
  text[text_length++] = (char)('0' + value % 10);
}

static Node *new_node(int kind) {
  Node *node = &nodes[node_count++ % MOST_NODES];
  node->kind = kind;
  node->number = 0;
  node->first = node->next = NULL;
  return node;
}

static void skip_space(void) {
  while (*cursor == ' ' || *cursor == '\n') cursor++;
}

static Node *parse_string(void) {
  Node *node = new_node('"');
  for (cursor++; *cursor != '"'; cursor++) node->number = node->number * 31 + *cursor;
  cursor++;
  return node;
}

static Node *parse_value(void);

static Node *parse_members(char end) {
  Node *parent = new_node(end), **link = &parent->first;
  for (cursor++, skip_space(); *cursor != end; skip_space()) {
    if (*cursor == ',' || *cursor == ':') {
      cursor++;
      continue;
    }
    *link = parse_value();
    link = &(*link)->next;
  }
  cursor++;
  return parent;
}

static Node *parse_value(void) {
  skip_space();
  if (*cursor == '{') return parse_members('}');
  if (*cursor == '[') return parse_members(']');
  if (*cursor == '"') return parse_string();
  Node *node = new_node('0');
  for (; *cursor >= '0' && *cursor <= '9'; cursor++) node->number = node->number * 10 + (*cursor - '0');
  return node;
}

static double sum_of(const Node *node) {
  double sum = node->number;
  for (const Node *child = node->first; child; child = child->next) sum += sum_of(child);
  return sum;
}

EXPORT(json) int json(int rounds) {
  text_length = 0;
  write_text("[");
  for (int i = 0; i < 400; i++) {
    write_text(i ? ", {\"name\": \"item number " : "{\"name\": \"item number ");
    write_number(i);
    write_text("\", \"tags\": [\"small\", \"blue\", \"round\"], \"size\": {\"width\": ");
    write_number(i * 37 % 1000);
    write_text(", \"height\": 12}}");
  }
  write_text("]");
  text[text_length] = 0;
  double sum = 0;
  for (int i = 0; i < rounds; i++) {
    cursor = text;
    node_count = 0;
    sum += sum_of(parse_value());
  }
  return (int)((long long)sum % 1000003);
}

// Quicksort with a comparison that is called indirectly.
enum { MOST_VALUES = 1 << 16 };
static int values[MOST_VALUES];

typedef int (*Comparison)(int, int);

static int ascending(int x, int y) { return x < y ? -1 : x > y; }
static int by_last_digits(int x, int y) { return (x & 1023) - (y & 1023); }
static Comparison volatile comparisons[2] = {ascending, by_last_digits};

static void sort(int from, int to, Comparison compare) {
  while (from < to) {
    int pivot = values[(from + to) / 2], low = from, high = to;
    while (low <= high) {
      while (compare(values[low], pivot) < 0) low++;
      while (compare(values[high], pivot) > 0) high--;
      if (low > high) break;
      int swapped = values[low];
      values[low++] = values[high];
      values[high--] = swapped;
    }
    sort(from, high, compare);
    from = low;
  }
}

EXPORT(quicksort) int quicksort(int n) {
  random_state = 7;
  for (int i = 0; i < n; i++) values[i] = (int)(next_random() >> 8);
  sort(0, n - 1, comparisons[n & 1]);
  return values[n / 2];
}

// A bytecode interpreter: a loop around a switch.
static unsigned char program[] = {0, 1, 2, 3, 1, 4, 5, 6, 2, 0, 7, 1, 3, 5, 8};

EXPORT(interpreter) int interpreter(int steps) {
  uint32_t a = 1, b = 7, stack[16] = {0};
  int at = 0, depth = 0;
  while (steps-- > 0) {
    switch (program[at++]) {
      case 0: a += b; break;
      case 1: b ^= a; break;
      case 2: a = a << 1 | a >> 31; break;
      case 3: b -= 3; break;
      case 4: if (a & 1) at += 1; break;
      case 5: a = a * 31 + 1; break;
      case 6: stack[depth++ & 15] = a; break;
      case 7: b += stack[--depth & 15]; break;
      default: at = 0;
    }
  }
  return (int)(a ^ b);
}

// What every first plugin does.
EXPORT(vowels) int vowels(int n) {
  random_state = 3;
  for (int i = 0; i < MOST_TEXT; i++) text[i] = (char)('a' + next_random() % 26);
  int count = 0;
  for (int i = 0; i < n; i++) {
    char letter = text[i & (MOST_TEXT - 1)];
    if (letter == 'a' || letter == 'e' || letter == 'i' || letter == 'o' || letter == 'u') count++;
  }
  return count;
}
