// C++ with its standard library: objects made before anything runs, containers, streams, virtual functions, numbers, clocks.
extern "C" {
#include "../c-abi/extism.h"
}
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Registry {
  std::map<std::string, std::function<std::string(const std::string &)>> actions;
  int made = 0;
  Registry() { made++; }
};

Registry registry;

struct Registration {
  Registration(const std::string &name, std::function<std::string(const std::string &)> action) {
    registry.actions.emplace(name, std::move(action));
  }
};

const Registration upper("upper", [](const std::string &text) {
  std::string result = text;
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return std::toupper(c); });
  return result;
});
const Registration reversed("reversed", [](const std::string &text) {
  return std::string(text.rbegin(), text.rend());
});

std::string input() {
  std::string text(input_length(), '\0');
  read_input(reinterpret_cast<uint8_t *>(text.data()), text.size());
  return text;
}

int32_t output(const std::string &text) {
  put_output(text.data(), text.size());
  return 0;
}

std::string config(const std::string &name) {
  uint64_t block = config_get(put_block(name.data(), name.size()));
  std::string value(block == 0 ? 0 : block_length(block), '\0');
  take_block(block, reinterpret_cast<uint8_t *>(value.data()), value.size());
  return value;
}

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};
struct Square : Shape {
  double side;
  explicit Square(double length) : side(length) {}
  double area() const override { return side * side; }
};
struct Circle : Shape {
  double radius;
  explicit Circle(double length) : radius(length) {}
  double area() const override { return 3.25 * radius * radius; }
};

} // namespace

EXPORT("echo") int32_t echo(void) { return output(input()); }

// Registered by objects that were made before the call.
EXPORT("run_action") int32_t run_action(void) {
  const auto action = registry.actions.find(config("action"));
  std::ostringstream answer;
  answer << registry.made << " registry, " << registry.actions.size() << " actions: "
         << (action == registry.actions.end() ? "none" : action->second(input()));
  return output(answer.str());
}

EXPORT("count_words") int32_t count_words(void) {
  std::map<std::string, int> counts;
  std::istringstream words(input());
  for (std::string word; words >> word;) counts[word]++;
  std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](auto &a, auto &b) { return a.second > b.second; });
  std::ostringstream answer;
  for (auto &[word, count] : sorted) answer << word << "=" << count << ";";
  return output(answer.str());
}

EXPORT("sum_areas") int32_t sum_areas(void) {
  std::vector<std::unique_ptr<Shape>> shapes;
  shapes.push_back(std::make_unique<Square>(1.5));
  shapes.push_back(std::make_unique<Circle>(2.0));
  double sum = 0;
  for (auto &shape : shapes) sum += shape->area();
  std::ostringstream answer;
  answer.precision(4);
  answer << std::fixed << sum;
  return output(answer.str());
}

EXPORT("print") int32_t print(void) {
  std::cout << "to standard output: " << input() << std::endl;
  std::cerr << "to standard error" << std::endl;
  std::cout << "without a line end" << std::flush;
  return 0;
}

EXPORT("roll_dice") int32_t roll_dice(void) {
  std::random_device seed;
  std::mt19937 generator(seed());
  std::uniform_int_distribution<int> dice(1, 6);
  const auto start = std::chrono::steady_clock::now();
  std::ostringstream answer;
  for (int roll = 0; roll < 5; roll++) answer << dice(generator);
  answer << (std::chrono::steady_clock::now() < start ? " earlier" : " in order");
  return output(answer.str());
}

// The library was compiled without exceptions: it ends the program where it would throw.
EXPORT("out_of_range") int32_t out_of_range(void) {
  const std::vector<int> few{1, 2, 3};
  return few.at(input().size());
}
