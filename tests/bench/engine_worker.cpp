// vit_engine_worker ARCHITECTURE BATCH THREADS [PRECISION]: the engine as one of peers.py's
// workers. Reads a number of repetitions a line, answers with a JSON list of milliseconds for each
// image. With --steps as the last argument: prints a table of the steps' times instead, and how
// long the weights took to pack.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "random_engine.h"

namespace {

double milliseconds() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(time).count();
}

void print_steps(const vit::engine::PackedEngine& engine, const vit::engine::Input& input,
                 vit::engine::Output& output) {
  std::cout << vit::engine::profile_table(engine.profile(input, {}, output));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: vit_engine_worker ARCHITECTURE BATCH THREADS [PRECISION] [--steps]\n";
    return 2;
  }
  const std::int64_t batch = std::atoi(argv[2]);
  double packing = 0.0;
  const bool steps = std::strcmp(argv[argc - 1], "--steps") == 0;
  const auto precision = vit::engine::parse_precision(argc > (steps ? 5 : 4) ? argv[4] : "fp32");
  const auto options =
      vit::engine::EngineOptions()
          .threads(std::atoi(argv[3]))
          .precision(vit::engine::resolve_precision(precision, false, vit::detect_isa()));
  const auto engine = vit::bench::random_engine(argv[1], options, &packing);
  const vit::bench::SameImages images(argv[1], batch);
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
