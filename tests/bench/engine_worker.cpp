// vit_engine_worker ARCHITECTURE BATCH THREADS [PRECISION [LEVEL]]: the engine as one of peers.py's
// workers, in a precision (or `int8-calibrated`: as of a file with scales for what layers read),
// with the instructions of a level (`avx2`; else the machine's best). Reads a number of repetitions
// a line, answers with a JSON list of milliseconds for each image. With --steps as the last
// argument: prints a table of the steps' times instead, and how long the weights took to pack.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "random_engine.h"
#include "vit/core/error.h"

namespace {

double milliseconds() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(time).count();
}

/// Throws UsageError where the machine lacks it.
vit::Isa level_of(const std::string& name) {
  for (const auto isa : vit::supported_isas())
    if (vit::isa_name(isa) == name) return isa;
  throw vit::UsageError("level: expected one of this machine's, found '{}'", name);
}

void print_steps(const vit::engine::PackedEngine& engine, const vit::engine::Input& input,
                 vit::engine::Output& output) {
  std::cout << vit::engine::profile_table(*engine.profile(input, {}, output));
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool steps = std::erase(arguments, "--steps") > 0;
  if (arguments.size() < 3) {
    std::cerr << "usage: vit_engine_worker ARCHITECTURE BATCH THREADS [PRECISION [LEVEL]] "
                 "[--steps]\n";
    return 2;
  }
  const auto& architecture = arguments[0];
  const std::int64_t batch = std::atoi(arguments[1].c_str());
  auto name = arguments.size() > 3 ? arguments[3] : "fp32";
  const bool calibrated = name == "int8-calibrated";
  if (calibrated) name = "int8";
  const auto precision = vit::engine::parse_precision(name);
  const auto isa = arguments.size() > 4 ? level_of(arguments[4]) : vit::detect_isa();
  auto options = vit::engine::EngineOptions()
                     .threads(std::atoi(arguments[2].c_str()))
                     .precision(vit::engine::resolve_precision(precision, false, isa));
  if (arguments.size() > 4) options.isa(isa);
  double packing = 0.0;
  const auto engine = vit::bench::random_engine(architecture, options, calibrated, &packing);
  const vit::bench::SameImages images(architecture, batch);
  vit::engine::Output output;
  for (int i = 0; i < 3; ++i) engine.run(images.input(), {}, output);
  if (steps) {
    print_steps(engine, images.input(), output);
    std::cout << "weights packed in " << packing << " ms\n";
    return 0;
  }
  std::cout << "ready" << std::endl;
  for (int count = 0; std::cin >> count;) {
    std::cout << "[";
    for (int i = 0; i < count; ++i) {
      const double begin = milliseconds();
      engine.run(images.input(), {}, output);
      std::cout << (i > 0 ? ", " : "") << (milliseconds() - begin) / static_cast<double>(batch);
    }
    std::cout << "]" << std::endl;
  }
}
